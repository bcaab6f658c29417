"""A folder of pipelines, started on time: what is found in it, when it runs, and the service."""
