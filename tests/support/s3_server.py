"""A real S3-compatible server: moto's, as a separate process on a loopback port, ended by its id."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import s3fs
from mortal import mortal
from waiting import await_condition

BUCKET = "laboratory"


class S3Server:
    def __init__(self, log: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a host needs to find it, for FOCUS and AWS's own programs."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "focus",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "FOCUS_ARTIFACT_URL": f"s3://{BUCKET}/focus",
        }

    def start(self, *, make_bucket: bool = True) -> None:
        """The content of an earlier start is lost: moto keeps it in memory."""
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(self.port)]
        with self._log.open("ab") as stream:
            self._process = mortal(command, stdout=stream, stderr=stream, start_new_session=True)
        await_condition(self._answers, "the S3 server to answer")
        # fsspec keeps one client per process and address; one made for an earlier server would use its port.
        s3fs.S3FileSystem.clear_instance_cache()
        if make_bucket:
            self.client().create_bucket(Bucket=BUCKET)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> boto3.client:  # type: ignore[valid-type]
        variables = self.environment
        return boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=variables["AWS_DEFAULT_REGION"],
        )

    def keys(self) -> list[str]:
        listing = self.client().list_objects_v2(Bucket=BUCKET)  # type: ignore[attr-defined]
        return [entry["Key"] for entry in listing.get("Contents", [])]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False
