"""``varifactory doctor``: this installation and a store, checked."""

from varifactory.answering import Answer, Say, answering


@answering("doctor")
def doctor(store: str, say: Say) -> Answer:
    """Check this installation and a store, with what to do about what is wrong.

    Exits with 1 if anything is in the way. Prefect's part: python -m flows.doctor.
    """
    from dataclasses import asdict

    from varifactory.doctor import checks

    found = checks(store)
    signs = {"ok": "ok     ", "note": "note   ", "trouble": "TROUBLE"}
    for check in found:
        say(f"{signs[check.state]} {check.name}: {check.found}")
        if check.advice:
            say(f"          {check.advice}")
    trouble = sum(check.state == "trouble" for check in found)
    say(f"{trouble} in the way" if trouble else "nothing is in the way")
    return {"checks": [asdict(check) for check in found], "trouble": trouble}, 1 if trouble else 0
