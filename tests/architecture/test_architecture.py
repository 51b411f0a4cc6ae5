"""What the folders promise."""

import ast
import subprocess
import sys
from pathlib import Path

from parley import errors
from parley.edge.errors import STATUS_OF_CODE
from parley.errors import ChatError

ROOT = Path(__file__).parents[2]


def subclasses(kind: type[ChatError]) -> set[type[ChatError]]:
    return {each for child in kind.__subclasses__() for each in ({child} | subclasses(child))}


def test_every_error_code_has_one_status_and_every_status_a_code() -> None:
    codes = [each.code for each in subclasses(ChatError) if each.__module__ == errors.__name__]

    assert sorted(codes) == sorted(STATUS_OF_CODE)


def test_models_import_no_library_that_does_io() -> None:
    io_libraries = {"aiohttp", "boto3", "fastapi", "httpx", "psycopg", "redis", "socket", "starlette", "urllib"}
    for file in (ROOT / "layers/core/python/parley").rglob("model.py"):
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            )
        }
        assert not imported & io_libraries, file


def test_the_chat_function_keeps_heavy_libraries_off_its_import_path() -> None:
    heavy = [
        "boto3",
        "botocore.session",
        "langfuse",
        "openai",
        "onnxruntime",
        "numpy",
        "tokenizers",
        "httpx",
        "requests",
        "mangum",
        "jwt",
    ]
    code = f"import sys, lambdas.chat.main; print([name for name in {heavy!r} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.strip() == "[]"


def test_the_page_and_the_runtime_do_not_know_the_cdk() -> None:
    for folder in ("layers", "lambdas", "local"):
        for file in (ROOT / folder).rglob("*.py"):
            assert "aws_cdk" not in file.read_text(), file
