"""What follows the topics of results and tells others: Alertmanager, a webhook, a SIEM, the gauges of dashboards."""
