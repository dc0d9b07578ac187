"""airlock: an admission webhook for Apache Airflow on Kubernetes."""
