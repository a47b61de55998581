"""A file of certificates to trust."""

from __future__ import annotations

import ssl

import certifi
import pytest
import trustme

from forebay import cabundle


def test_all_roots_and_ours(tmp_path):
    ca = tmp_path / "ca.pem"
    trustme.CA(organization_name="Ours").cert_pem.write_to_path(str(ca))
    path = cabundle.write(ca, tmp_path)

    trusted = ssl.create_default_context(cafile=str(path)).get_ca_certs()
    usual = ssl.create_default_context(cafile=certifi.where()).get_ca_certs()
    assert len(trusted) == len(usual) + 1
    assert "Ours" in str(trusted)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_without_ours_there_is_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        cabundle.write(tmp_path / "ca.pem", tmp_path)
