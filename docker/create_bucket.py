"""Create the bucket of VARIFACTORY_STORE unless it is there; for a new S3 server of your own."""

import os
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

PATIENCE = 120
"""Seconds to wait for a server that is starting."""


def main() -> None:
    """Exit code 1 where no server answered in time; a refusal is raised as it came."""
    url = os.environ["VARIFACTORY_STORE"]
    bucket = url.removeprefix("s3://").partition("/")[0]
    region = os.environ.get("AWS_REGION", "us-east-1")
    client = get_session().create_client("s3", region_name=region)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            client.create_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE:
                raise
        except BotoCoreError:
            time.sleep(1)
            continue
        print(f"bucket {bucket} is there")
        return
    sys.exit(f"no S3 server answered within {PATIENCE} s at {os.environ.get('AWS_ENDPOINT_URL')}")


_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}

if __name__ == "__main__":
    main()
