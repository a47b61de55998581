"""A trust store for Java; that Java reads it is in ``integration/test_recording.py``."""

from __future__ import annotations

import warnings
from pathlib import Path

import certifi
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import load_pem_x509_certificate

from forebay import truststore


@pytest.fixture(name="ca")
def _ca(tmp_path):
    path = tmp_path / "ca.pem"
    trustme.CA(organization_name="Ours").cert_pem.write_to_path(str(path))
    return path


def test_all_roots_and_ours(ca, tmp_path):
    path = truststore.write(ca, tmp_path)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # of some roots
        found = pkcs12.load_pkcs12(path.read_bytes(), truststore.PASSWORD.encode()).additional_certs
    assert len(found) == Path(certifi.where()).read_text(encoding="ascii").count("BEGIN") + 1
    assert found[-1].certificate == load_pem_x509_certificate(ca.read_bytes())
    assert len({each.friendly_name for each in found}) == len(found)


def test_without_ours_there_is_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        truststore.write(tmp_path / "none.pem", tmp_path)
    assert not (tmp_path / truststore.NAME).exists()


def test_it_is_wanted_where_java_is(tmp_path):
    keytool = tmp_path / "keytool"
    keytool.write_text("")
    keytool.chmod(0o755)

    assert truststore.is_wanted({"PATH": str(tmp_path)})
    assert truststore.is_wanted({"PATH": "", "JAVA_HOME": "/opt/java"})
    assert not truststore.is_wanted({"PATH": str(tmp_path / "empty"), "JAVA_HOME": ""})
    assert not truststore.is_wanted({})
