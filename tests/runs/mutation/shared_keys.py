"""Keys that change every architecture's runs in the same way."""

from __future__ import annotations

from .rows import Change, Values


def shared(tiny: Values, table: Values) -> dict[str, Change]:
    """The rows of these keys in runs of `tiny`; the run `table` reads a .csv file."""
    return {
        # What runs
        "seed": Change(2, "order weights"),
        # Data and splits
        "train": Change("data/fewer.jsonl", "order"),
        "valid": Change("data/fewer.jsonl", "evaluated predictions"),
        "test": Change("data/fewer.jsonl", "predictions files"),
        "test_only": Change(True, "order", {**tiny, "test": "data/fewer.jsonl"}),
        "train_topk": Change(4, "order"),
        "valid_topk": Change(2, "predictions"),
        "dataset": Change("shapes", "told order"),
        "images": Change("other", "inputs"),
        "csv_img_key": Change("other", "inputs", table),
        "csv_caption_key": Change("said", "targets", table),
        "csv_separator": Change(";", "told order", table),
        "on_bad_example": Change("skip", "told order", {**tiny, "train": "data/broken.jsonl"}),
        # Training
        "batch_size": Change(2, "order"),
        "valid_batch_size": Change(1, "evaluated"),
        "optim": Change("adam", "updates"),
        "lr": Change(0.02, "updates"),
        "lr_schedule": Change("constant", "updates"),
        "warmup_ratio": Change(0.5, "updates"),
        "warmup": Change(2, "updates", {k: v for k, v in tiny.items() if k != "warmup_ratio"}),
        "weight_decay": Change(0.5, "updates"),
        "clip_grad_norm": Change(0.01, "updates", {**tiny, "optim": "sgd"}),
        "gradient_accumulation_steps": Change(2, "order updates"),
        "adam_eps": Change(0.1, "updates"),
        "adam_beta1": Change(0.5, "updates"),
        "adam_beta2": Change(0.9, "updates"),
        "epochs": Change(2, "order"),
        "early_stopping": Change(1, "order", {**tiny, "epochs": 3, "lr": 0.0}),
        "dropout": Change(0.3, "loss"),
        "model_ema": Change(True, "files updates"),
        "model_ema_decay": Change(0.5, "updates", {**tiny, "model_ema": True}),
        "eval_with_wise_ft": Change(0.0, "files updates"),
        "dry": Change(True, "evaluated logged"),
        # Checkpoints and logs
        "output": Change("snap/here", "files"),
        "run_name": Change("other", "facts"),
        "comment": Change("tried", "facts"),
        "trackers": Change("tensorboard", "files"),
        "log_every": Change(2, "logged"),
        # Compute
        "device": Change("cuda", "told"),
        "precision": Change("bf16", "loss told"),
        "fp16": Change(True, "problems"),
        "num_workers": Change(1, "processes"),
        "multiGPU": Change(True, "told"),
        "distributed": Change(True, "told"),
        "local_rank": Change(0, "told"),
        "deepspeed": Change("deepspeed.json", "told"),
    }
