"""Batch jobs on Apache Spark for what one machine cannot compute: figures of the follow graph, and scoring again."""
