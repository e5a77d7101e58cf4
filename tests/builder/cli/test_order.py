"""What is wrong with a command is told before anything is looked for, started or installed."""

from typing import NoReturn

import pytest

from builder import cli


@pytest.fixture(autouse=True)
def _no_engine_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_early(*_: object, **__: object) -> NoReturn:
        pytest.fail("the engine was asked for first")

    monkeypatch.setattr("builder.stack.up.ensure_engine", too_early)
    monkeypatch.setattr("builder.pipeline.ensure_engine", too_early)
    monkeypatch.setattr("builder.rehearsal.run.ensure_engine", too_early)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("up --target nope", "there is no target 'nope'"),
        ("up --target gfx1151 --with jit", "target gfx1151 has no jit to add"),
        ("up --target cpu --route source", "target cpu has no source route"),
        ("up --target gfx1150 --gpus 2", "target gfx1150 runs on one GPU"),
        ("up --target gfx1151 --embeddings x", "--embeddings 'x' is no kind of embeddings"),
        ("build --target gfx906 --route wheels", "target gfx906 has no wheels route"),
        ("build --target sm_86 --image nope", "there is no image nope"),
        ("build --target gfx1150 --gpus 2", "target gfx1150 runs on one GPU"),
        ("build --rehearse --target nope", "there is no target 'nope'"),
        ("build --rehearse --target cpu", "there is nothing to rehearse for target cpu"),
        ("build --rehearse --target gfx1151 --with jit", "target gfx1151 has no jit to add"),
        ("build --rehearse --target gfx1151 --image proxy", "only the image vllm is rehearsed"),
        ("build --rehearse --target gfx1151 --gpus 2", "a rehearsal takes no --gpus"),
        (
            "build --rehearse --target gfx1151 --embeddings vllm --refresh --force",
            "a rehearsal takes no --embeddings, --refresh, --force",
        ),
    ],
)
def test_wrong_choices_end_it_at_once(argv: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv.split()) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith(f"error: {message}")
    assert "\nhint:  " in said.err
