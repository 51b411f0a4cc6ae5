"""What a template's values read once they are deployed, as far as a test can know."""

from typing import Any


def resolve(value: Any) -> str:
    """Text with a name in the place of what only AWS knows."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(resolve(part) for part in parts)
        case {"Ref": "AWS::Region"}:
            return "us-east-1"
        case {"Ref": "AWS::AccountId"}:
            return "123456789012"
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": "AWS::URLSuffix"}:
            return "amazonaws.com"
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::GetStackOutput": {"OutputName": name}}:
            return str(name)
        case {"Fn::Select": [index, {"Fn::Split": [separator, text]}]}:
            return f"{resolve(text)}{separator}{index}"
        case _:
            raise AssertionError(f"a test meets {value!r} for the first time")
