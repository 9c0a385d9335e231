"""What Ceph does otherwise than the other stores: the rest of what runs on it is chosen by `make test-ceph`."""

from __future__ import annotations

import pytest

from compiler.bucket import BucketUnreachable, open_bucket
from tests.ceph import Ceph


def test_its_versioned_buckets_ignore_conditions_and_are_refused(ceph: Ceph, ceph_url: str) -> None:
    name = ceph_url.split("/")[2]
    ceph.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    for _ in range(2):
        with pytest.raises(BucketUnreachable, match=f"S3 bucket `{name}` ignores `If-None-Match`"):
            open_bucket(ceph_url).create("services/recipes/1/a", b"mine", "text/plain")


def test_it_cannot_encrypt_and_keeps_objects_all_the_same(ceph: Ceph, ceph_url: str) -> None:
    bucket = open_bucket(ceph_url)
    bucket.create("services/recipes/1/a", b"mine", "text/plain", tags={"service": "recipes"})

    name, prefix = ceph_url.removeprefix("s3://").split("/", 1)
    where = {"Bucket": name, "Key": f"{prefix}/services/recipes/1/a"}
    assert "ServerSideEncryption" not in ceph.s3.head_object(**where)
    assert [{"Key": "service", "Value": "recipes"}] == ceph.s3.get_object_tagging(**where)["TagSet"]
