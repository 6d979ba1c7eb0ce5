"""What makes a cluster secure: `make_secrets.py FOLDER USER...` makes FOLDER, for its owner alone.

  ca.pem                       who signed all certificates; its key is kept nowhere
  nodes.pem                    key and certificate of the nodes
  <user>.pem, <user>.password  key and certificate, and password, of each user
  <user>.properties            for Java tools: SCRAM-SHA-512
  <user>.scram.conf            for librdkafka (kcat -F): SCRAM-SHA-512
  <user>.certificate.conf      for librdkafka: the certificate, at the other listener
"""
import datetime
import ipaddress
import os
import pathlib
import secrets
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAYS = 3650

JAVA = """\
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
username="{user}" password="{password}";
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
"""
SCRAM = """\
security.protocol=sasl_ssl
sasl.mechanisms=SCRAM-SHA-512
sasl.username={user}
sasl.password={password}
ssl.ca.location={folder}/ca.pem
"""
CERTIFICATE = """\
security.protocol=ssl
ssl.certificate.location={folder}/{user}.pem
ssl.key.location={folder}/{user}.pem
ssl.ca.location={folder}/ca.pem
"""


def make_name(common_name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def start_certificate(name, issuer, key):
    now = datetime.datetime.utcnow()
    return (x509.CertificateBuilder().subject_name(make_name(name)).issuer_name(make_name(issuer))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=DAYS)))


class Authority:
    """Signs; its key ends with the process, so nobody signs anything else with it."""

    NAME = "signalbox-kafka-ca"

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = (start_certificate(self.NAME, self.NAME, self.key)
                            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
                            .sign(self.key, hashes.SHA256()))

    def issue(self, name):
        """Key and certificate of a new holder, as PEM text. Java wants the key in PKCS #8."""
        key = ec.generate_private_key(ec.SECP256R1())
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate = (start_certificate(name, self.NAME, key)
                       .add_extension(x509.SubjectAlternativeName([loopback]), False)
                       .sign(self.key, hashes.SHA256()))
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode() + as_pem(certificate)


def as_pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def main():
    folder, users = pathlib.Path(sys.argv[1]), sys.argv[2:]
    os.umask(0o077)
    folder.mkdir()
    authority = Authority()
    (folder / "ca.pem").write_text(as_pem(authority.certificate), "ascii")
    (folder / "nodes.pem").write_text(authority.issue("nodes"), "ascii")
    for user in users:
        values = {"folder": folder, "user": user, "password": secrets.token_urlsafe(24)}
        (folder / f"{user}.pem").write_text(authority.issue(user), "ascii")
        (folder / f"{user}.password").write_text(values["password"] + "\n", "ascii")
        (folder / f"{user}.properties").write_text(JAVA.format(**values), "utf-8")
        (folder / f"{user}.scram.conf").write_text(SCRAM.format(**values), "utf-8")
        (folder / f"{user}.certificate.conf").write_text(CERTIFICATE.format(**values), "utf-8")


if __name__ == "__main__":
    main()
