"""A broker with TLS, SASL and access control lists, on ports of their own beside the plain one of the tests."""

from __future__ import annotations

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.services.broker import KafkaBroker
from tests.services.certificates import HOST, Certificates
from tests.services.process import free_ports

USER, PASSWORD = "moderation", "secret-of-the-test"
STRANGER = "stranger"
"""A user with the same password and no rights."""
LISTENERS = {
    "TLS": "SSL",
    "LOGIN": "SASL_SSL",
    "PLAINLOGIN": "SASL_PLAINTEXT",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
    "MUTUAL": "SSL",
}
"""MUTUAL requires certificates of clients; the common name is the user."""
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


class SecureBroker:
    """`addresses` has the address of each listener. Clients without a login on the plain listener may do everything."""

    def __init__(self, certificates: Certificates) -> None:
        ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
        self.addresses = {name: f"{HOST}:{port}" for name, port in ports.items()}
        users = [
            f"{mechanism}=[name={user},password={PASSWORD}]"
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for user in (USER, STRANGER)
        ]
        self.broker = KafkaBroker(_properties(certificates, self.addresses), users)
        self.addresses["PLAINTEXT"] = self.broker.address

    def allow(self, topics: list[str], group: str) -> None:
        """Let USER read topics and use a group."""
        what = [(ResourceType.TOPIC, topic, ACLOperation.ALL) for topic in topics]
        what += [(ResourceType.GROUP, group, ACLOperation.READ)]
        admin = KafkaAdminClient(bootstrap_servers=[self.broker.address])
        admin.create_acls(
            [
                ACL(f"User:{USER}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
                for kind, name, operation in what
            ]
        )
        admin.close()

    def close(self) -> None:
        """End the broker."""
        self.broker.close()


def _properties(certificates: Certificates, addresses: dict[str, str]) -> str:
    stores = {"expired": certificates.expired, "elsewhere": certificates.elsewhere}
    listeners = ",".join(f"{name}://{address}" for name, address in addresses.items())
    lines = [
        f"listeners={listeners}",
        f"advertised.listeners={listeners}",
        f"listener.security.protocol.map={','.join(f'{name}:{protocol}' for name, protocol in LISTENERS.items())}",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS",
    ]
    for name, protocol in LISTENERS.items():
        prefix = f"listener.name.{name.lower()}"
        if protocol.endswith("SSL"):
            store = stores.get(name.lower(), certificates.server)
            lines += [f"{prefix}.ssl.keystore.type=PEM", f"{prefix}.ssl.keystore.location={store}"]
        if name == "MUTUAL":
            lines += [
                f"{prefix}.ssl.client.auth=required",
                f"{prefix}.ssl.truststore.type=PEM",
                f"{prefix}.ssl.truststore.location={certificates.authority}",
                f"{prefix}.ssl.principal.mapping.rules=RULE:^CN=([^,]+),.*$/$1/",
            ]
        if protocol.startswith("SASL"):
            known = " ".join(f'user_{user}="{PASSWORD}"' for user in (USER, STRANGER))
            lines += [
                f"{prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                f"{prefix}.plain.sasl.jaas.config={PLAIN} required {known};",
                f"{prefix}.scram-sha-256.sasl.jaas.config={SCRAM} required;",
                f"{prefix}.scram-sha-512.sasl.jaas.config={SCRAM} required;",
            ]
    return "\n".join(lines)
