"""What Prefect's server does by itself: lost runs are ended, failed ones are told to a webhook.

The triggers are data: ``deployments/automations.yaml``.
"""

import os
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import yaml

from varifactory.errors import FactoryError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation

AUTOMATIONS = Path(__file__).parents[2] / "deployments" / "automations.yaml"
NOTIFY = "VARIFACTORY_NOTIFY"
"""Environment variable that names, and never holds, the webhook's address."""
BLOCK = "varifactory-notify"
WEBHOOK = "call-webhook"


class NotifyError(FactoryError):
    """A webhook that cannot be found by its name."""


def ensure_automations(notify: str = "") -> dict[str, str]:
    """Create the automations on the server that Prefect's settings name, or set them right.

    May be called again and again. One that was turned off by hand stays off.

    Args:
        notify: name of the environment variable that holds the webhook's address, or
            ``webhook/NAME`` of a block saved in Prefect; empty takes ``VARIFACTORY_NOTIFY``, and
            without that the automations that notify are not touched.

    Returns:
        What became of each, by name: ``created``, ``updated`` or ``kept``.

    Raises:
        NotifyError: the variable is not set, or the block does not exist.
    """
    from prefect.client.orchestration import get_client

    webhook = _webhook(notify or os.environ.get(NOTIFY, ""))
    with get_client(sync_client=True) as client:
        return {wanted["name"]: _ensured(client, wanted) for wanted in _wanted(declared(), webhook)}


def declared() -> dict[str, dict[str, Any]]:
    """The automations of the data file, by their short names."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(AUTOMATIONS.read_text(encoding="utf-8"))
    return found


def _wanted(automations: dict[str, dict[str, Any]], webhook: "UUID | None") -> list[dict[str, Any]]:
    wanted = []
    for automation in map(deepcopy, automations.values()):
        calls = [action for action in automation["actions"] if action["type"] == WEBHOOK]
        for action in calls:
            action["block_document_id"] = webhook
        if webhook or not calls:
            wanted.append(automation)
    return wanted


def _ensured(client: "SyncPrefectClient", wanted: dict[str, Any]) -> str:
    from prefect.events.schemas.automations import AutomationCore

    automation = AutomationCore.model_validate(wanted)
    found: list[Automation] = client.read_automations_by_name(automation.name)
    for double in found[1:]:  # two people deployed in the same moment
        client.delete_automation(double.id)
    if not found:
        client.create_automation(automation)
        return "created"
    automation.enabled = found[0].enabled
    if AutomationCore.model_validate(found[0].model_dump()) == automation:
        return "kept"
    client.update_automation(found[0].id, automation)
    return "updated"


def _webhook(name: str) -> "UUID | None":
    """Id of the block that holds the webhook's address; none without a name."""
    if not name:
        return None
    return _saved(name) if name.startswith("webhook/") else _kept(name)


def _saved(name: str) -> "UUID":
    """Id of a block that somebody saved in Prefect."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            return client.read_block_document_by_name(
                name.removeprefix("webhook/"), "webhook", include_secrets=False
            ).id
        except ObjectNotFound as error:
            raise NotifyError(
                f"{NOTIFY} names the block {name!r}, which Prefect does not know: save it in the "
                "UI (Blocks), or name an environment variable that holds the address"
            ) from error


def _kept(name: str) -> "UUID":
    """Keep the address that an environment variable holds in a block, which Prefect encrypts."""
    from prefect.blocks.webhook import Webhook
    from prefect.types import SecretDict
    from pydantic import SecretStr

    address = os.environ.get(name)
    if not address:
        raise NotifyError(
            f"{NOTIFY} is {name!r}, and no environment variable of that name is set: give the name "
            "of the variable that holds the webhook's address, or webhook/NAME of a saved block"
        )
    headers = SecretDict({"content-type": "application/json"})
    block = Webhook(url=SecretStr(address), headers=headers)
    saved = block.save(BLOCK, overwrite=True)
    if not isinstance(saved, UUID):  # within an event loop Prefect would hand out a promise
        raise NotifyError(f"the address in {name} was not kept: call this outside an event loop")
    return saved
