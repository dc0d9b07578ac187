"""What a pod of Airflow is: charts and components, images and tags, and the pods that run."""
