"""What users write: tasks, pipelines, futures."""
