"""The pages about the running app: limits, mail, migrations, health, the audit log's chain."""
