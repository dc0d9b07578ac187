"""What the benchmark compares with: a Flask route that returns a constant, for gunicorn as anybody would run it."""

from flask import Flask

app = Flask(__name__)
app.add_url_rule("/", "constant", lambda: "constant", methods=["POST"])
