"""A client of the Workload API by the packages spiffe and spiffe-tls, unpatched: see ../README.md."""

import json
import sys
import threading

from OpenSSL import SSL, crypto
from cryptography.x509 import SubjectAlternativeName, UniformResourceIdentifier
from spiffe import JwtSvid, SpiffeId, WorkloadApiClient, X509Source
from spiffetls import ClientTlsMode, ListenOptions, ServerTlsMode, dial, listen


def say(value):
    print(json.dumps(value), flush=True)


def fetch():
    with WorkloadApiClient() as client:
        context = client.fetch_x509_context()
        own = context.default_svid.spiffe_id
        svids = client.fetch_x509_svids()
        jwt = client.fetch_jwt_svid(audience={"one", "two"})
        by_subject = client.fetch_jwt_svid(audience={"one"}, subject=own)
        jwt_bundles = client.fetch_jwt_bundles()
        remote = client.validate_jwt_svid(jwt.token, "two")
        bundle = jwt_bundles.get_bundle_for_trust_domain(own.trust_domain)
        offline = JwtSvid.parse_and_validate(jwt.token, bundle, {"one"})
        try:
            client.validate_jwt_svid(jwt.token, "three")
            wrong_audience = False
        except Exception:
            wrong_audience = True
        say({
            "ids": [str(svid.spiffe_id) for svid in svids],
            "bundles": [bundle.trust_domain.name for bundle in context.x509_bundle_set.bundles],
            "x509Bundles": len(client.fetch_x509_bundles().bundles),
            "audiences": sorted(jwt.audience),
            "bySubject": str(by_subject.spiffe_id),
            "jwtBundles": len(jwt_bundles.bundles),
            "remote": str(remote.spiffe_id),
            "offline": str(offline.spiffe_id),
            "wrongAudience": wrong_audience,
        })


def watch():
    changed = threading.Event()
    with X509Source() as source:
        source.subscribe_for_updates(changed.set)
        while True:
            changed.clear()
            svid = source.svid
            say({"id": str(svid.spiffe_id), "serial": format(svid.leaf.serial_number, "x")})
            changed.wait()


def authorize(expected: str):
    def check(certificate: crypto.X509) -> bool:
        names = certificate.to_cryptography().extensions.get_extension_for_class(SubjectAlternativeName).value
        return names.get_values_for_type(UniformResourceIdentifier) == [str(SpiffeId(expected))]

    return check


def serve(allowed: str):
    with X509Source() as source:
        options = ListenOptions(tls_mode=ServerTlsMode.MTLS, authorize_fn=authorize(allowed))
        listener = listen("127.0.0.1:0", source, options)
        say({"port": listener.getsockname()[1]})
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=welcome, args=(connection,), daemon=True).start()


def welcome(connection: SSL.Connection):
    try:
        connection.do_handshake()
        connection.sendall(b"welcome\n")
        connection.shutdown()
    except SSL.Error:
        pass
    finally:
        connection.close()


def dial_once(port: str, expected: str):
    with X509Source() as source:
        connection = dial(f"127.0.0.1:{port}", source, ClientTlsMode.TLS, authorize(expected))
        text = connection.recv(100)
        connection.close()
        if text != b"welcome\n":
            raise RuntimeError("no welcome")
        say({"welcome": True})


COMMANDS = {"fetch": fetch, "watch": watch, "serve": serve, "dial": dial_once}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except Exception as error:  # whatever it is, the suite reads it
        say({"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
