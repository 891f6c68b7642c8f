"""Runs operations by one of Azure's SDKs for Python, whichever is installed: in the SDK's own environment, which has nothing of ours.

On standard input: {"environment": {...}, "operations": ["group.method argument name=argument ..."]}. An argument is a word, or JSON.
For each operation a line of JSON: {"answer": ..., "error": null or text}.
"""

import json
import os
import shlex
import sys
from typing import Any


def client(given: dict[str, str]) -> Any:
    from azure.mgmt.compute import ComputeManagementClient

    server, tenant = given["AZURE_AUTHORITY_HOST"], given["AZURE_TENANT_ID"]
    id, secret, subscription = (given[f"AZURE_{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTION_ID"))
    more = {"api_version": given["API_VERSION"]} if given.get("API_VERSION") else {}
    try:
        from azure.identity import ClientSecretCredential
    except ImportError:
        credential = of_adal(server, tenant, id, secret)
        return ComputeManagementClient(credential, subscription, base_url=server, **more)
    new = ClientSecretCredential(tenant, id, secret, authority=server, disable_instance_discovery=True)
    scopes = [f"{server}/.default"]
    return ComputeManagementClient(new, subscription, base_url=server, credential_scopes=scopes, **more)


def of_adal(server: str, tenant: str, id: str, secret: str) -> Any:
    import adal
    from msrestazure.azure_active_directory import AdalAuthentication

    context = adal.AuthenticationContext(f"{server}/{tenant}", validate_authority=False)
    return AdalAuthentication(context.acquire_token_with_client_credentials, server, id, secret)


def run(compute: Any, operation: str) -> Any:
    """The answer, after the end of what it began."""
    name, *words = shlex.split(operation)
    group, _, method = name.partition(".")
    positional = [value(word) for word in words if not is_named(word)]
    named = {key: value(text) for key, _, text in (word.partition("=") for word in words if is_named(word))}
    operations = getattr(compute, group)
    act = getattr(operations, f"begin_{method}", None) or getattr(operations, method)
    answer = act(*positional, **named)
    return plain(answer.result() if hasattr(answer, "result") and hasattr(answer, "done") else answer)


def is_named(word: str) -> bool:
    return word.partition("=")[0].isidentifier() and "=" in word


def value(word: str) -> Any:
    """JSON where it looks like it; names of things are often numbers, and stay texts."""
    return json.loads(word) if word[:1] in ("{", "[") or word in ("true", "false") else word


def plain(answer: Any) -> Any:
    """As it came over the line, in the types of the SDK's models."""
    if answer is None or isinstance(answer, str | int | float | bool | dict):
        return answer
    if hasattr(answer, "serialize"):
        return answer.serialize(keep_readonly=True)
    if hasattr(answer, "as_dict"):
        return answer.as_dict()
    return [plain(part) for part in answer]


def main() -> None:
    asked = json.load(sys.stdin)
    os.environ.update(asked["environment"])
    compute = client(asked["environment"])
    for operation in asked["operations"]:
        answer, error = None, None
        try:
            answer = run(compute, operation)
        except Exception as refusal:
            error = f"{type(refusal).__name__}: {refusal}"
        sys.stdout.write(json.dumps({"answer": answer, "error": error}, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
