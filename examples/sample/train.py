"""A first training run in pure Python: a small logistic regression that prints its progress as charts.

Each line that is one JSON object with "chart" and "y" becomes a point of a chart. The model is left in
/artifacts, where it stays after the job has ended.
"""

import json
import math
import os
import random
import time

PARAMS = json.loads(os.environ.get("OUTRIDER_PARAMS") or "{}")
EPOCHS = int(PARAMS.get("epochs", 40))
LEARNING_RATE = float(PARAMS.get("learning_rate", 0.3))
PAUSE_S = float(PARAMS.get("pause_s", 0.2))


def make_data(count, seed):
    """Points in the plane; those above a line belong to class 1, with a little noise."""
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        x, y = generator.gauss(0, 1), generator.gauss(0, 1)
        rows.append((x, y, 1 if x + 2 * y + generator.gauss(0, 0.5) > 0.3 else 0))
    return rows


def predict(model, x, y):
    a, b, c = model
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, a * x + b * y + c))))


def measure(model, rows):
    """Mean loss and the share of right answers."""
    loss = right = 0
    for x, y, label in rows:
        p = min(max(predict(model, x, y), 1e-9), 1 - 1e-9)
        loss -= math.log(p if label else 1 - p)
        right += (p > 0.5) == bool(label)
    return loss / len(rows), right / len(rows)


def main():
    training, test = make_data(600, seed=1), make_data(300, seed=2)
    model = [0.0, 0.0, 0.0]
    print(json.dumps({"chart": "loss", "axis": "epoch"}))
    print(json.dumps({"chart": "accuracy", "axis": "epoch"}))
    for epoch in range(1, EPOCHS + 1):
        gradient = [0.0, 0.0, 0.0]
        for x, y, label in training:
            error = predict(model, x, y) - label
            for i, value in enumerate((x, y, 1.0)):
                gradient[i] += error * value / len(training)
        model = [weight - LEARNING_RATE * slope for weight, slope in zip(model, gradient)]
        for series, rows in (("training", training), ("test", test)):
            loss, accuracy = measure(model, rows)
            print(json.dumps({"chart": "loss", "x": epoch, "y": round(loss, 5), "series": series}))
            print(json.dumps({"chart": "accuracy", "x": epoch, "y": round(accuracy, 5), "series": series}))
        print(f"epoch {epoch}/{EPOCHS}", flush=True)
        time.sleep(PAUSE_S)
    folder = os.environ.get("OUTRIDER_ARTIFACTS", "/artifacts")
    os.makedirs(folder, exist_ok=True)
    loss, accuracy = measure(model, test)
    with open(os.path.join(folder, "model.json"), "w") as file:
        json.dump({"weights": model, "test_loss": loss, "test_accuracy": accuracy}, file, indent=2)
    print(f"done: test accuracy {accuracy:.1%}; the model is in {folder}/model.json")


if __name__ == "__main__":
    main()
