"""Ready-made tasks: `taskflow.tasks.shell` runs commands, `taskflow.tasks.http` fetches things.

They are ordinary tasks, written with nothing that users do not have.
"""
