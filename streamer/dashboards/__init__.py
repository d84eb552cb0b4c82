"""The dashboards for Grafana, as code: `make dashboards` writes them to deploy/grafana/dashboards/."""
