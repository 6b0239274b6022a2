{{- define "moderation.labels" -}}
app.kubernetes.io/name: moderation
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "moderation.selector" -}}
app.kubernetes.io/name: moderation
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of objects that Prometheus selects. */}}
{{- define "moderation.monitoring.labels" -}}
{{ include "moderation.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The port of a URL. */}}
{{- define "moderation.port" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}

{{- define "moderation.image" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* Refuses values that cannot work, before anything is installed. */}}
{{- define "moderation.check" -}}
{{- $backend := .Values.settings.state.backend -}}
{{- if ne $backend "redis" -}}
{{- if gt (int .Values.worker.replicas) 1 -}}
{{- fail (printf "worker.replicas is %d, but settings.state.backend is %q, whose state belongs to one worker. Set it to redis, or worker.replicas to 1." (int .Values.worker.replicas) $backend) -}}
{{- end -}}
{{- if .Values.keda.enabled -}}
{{- fail (printf "keda.enabled needs settings.state.backend redis; %q is a state of one worker, which cannot be scaled." $backend) -}}
{{- end -}}
{{- end -}}
{{- $kafka := .Values.settings.kafka -}}
{{- if and .Values.keda.enabled .Values.configFile (not (and $kafka.group_id $kafka.posts)) -}}
{{- fail "keda.enabled with configFile needs settings.kafka.group_id and settings.kafka.posts, which the chart cannot read in the file." -}}
{{- end -}}
{{- if not .Values.existingSecret -}}
{{- fail "existingSecret is empty. Create a secret with MODERATION_DATABASE_URL and MODERATION_ADDRESS_KEY, and name it there." -}}
{{- end -}}
{{- if not .Values.settings.kafka.bootstrap_servers -}}
{{- fail "settings.kafka.bootstrap_servers is empty. Name a broker, such as kafka.example:9092." -}}
{{- end -}}
{{- if and .Values.console.enabled (not (hasPrefix "https://" .Values.console.publicUrl)) -}}
{{- fail "console.publicUrl must be the https:// address of the proxy or ingress in front of the console. Set it, or console.enabled to false." -}}
{{- end -}}
{{- if and .Values.monitoring.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.metricsFrom) -}}
{{- fail "monitoring.enabled needs networkPolicy.metricsFrom, the pods of Prometheus, which may not read the metrics otherwise." -}}
{{- end -}}
{{- end }}

{{/* One variable for each setting that is not empty; lists are JSON. */}}
{{- define "moderation.environment" -}}
{{- range $name, $value := .Values.settings }}
{{- if kindIs "map" $value }}
{{- range $inner, $setting := $value }}
{{- if not (eq (toString $setting) "") }}
- name: MODERATION_{{ upper $name }}__{{ upper $inner }}
  value: {{ include "moderation.value" $setting }}
{{- end }}
{{- end }}
{{- else if not (eq (toString $value) "") }}
- name: MODERATION_{{ upper $name }}
  value: {{ include "moderation.value" $value }}
{{- end }}
{{- end }}
{{- end }}

{{- define "moderation.value" -}}
{{- if kindIs "string" . }}{{ quote . }}{{ else if kindIs "float64" . }}{{ toJson . | quote }}{{ else }}{{ toJson . | quote }}{{ end }}
{{- end }}

{{- define "moderation.pod" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "moderation.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - secretRef: {name: {{ .Values.existingSecret }}}
{{- end }}

{{- define "moderation.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.configFile }}
- {name: config, mountPath: /etc/moderation/config, readOnly: true}
{{- end }}
{{- if .Values.certificatesSecret }}
- {name: certificates, mountPath: /etc/moderation/certificates, readOnly: true}
{{- end }}
{{- end }}

{{- define "moderation.volumes" -}}
- name: tmp
  emptyDir: {}
{{- if .Values.configFile }}
- name: config
  configMap: {name: {{ .Release.Name }}-config}
{{- end }}
{{- if .Values.certificatesSecret }}
- name: certificates
  secret: {secretName: {{ .Values.certificatesSecret }}}
{{- end }}
{{- end }}

{{- define "moderation.option" -}}
{{- if .Values.configFile }} --config /etc/moderation/config/sidecar.toml{{ end }}
{{- end }}

{{- define "moderation.options" -}}
{{- if .Values.configFile }}, --config, /etc/moderation/config/sidecar.toml{{ end }}
{{- end }}
