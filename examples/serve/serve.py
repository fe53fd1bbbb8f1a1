"""Serves the model that examples/train left in /storage: POST /predict on port 8080.

Run it with a port: outrider run --port 8080 -- python serve.py
"""

import os
from pathlib import Path

import joblib
from flask import Flask, jsonify, request

STORAGE = Path(os.environ.get("OUTRIDER_STORAGE", "/storage"))
MODEL = joblib.load(STORAGE / "models" / "flowers.joblib")
app = Flask(__name__)


@app.get("/")
def ready():
    return jsonify(kinds=list(MODEL.classes_))


@app.post("/predict")
def predict():
    """{"length": 1.4, "width": 0.3} → {"kind": "dwarf"}"""
    body = request.get_json(silent=True)
    try:
        sample = [float(body["length"]), float(body["width"])]
    except (TypeError, KeyError, ValueError):
        return jsonify(error='send {"length": number, "width": number}'), 400
    return jsonify(kind=str(MODEL.predict([sample])[0]))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=8080)
