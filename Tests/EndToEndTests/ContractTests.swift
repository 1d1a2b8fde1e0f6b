import FoundationEssentials
import RegistryTesting
import Subprocess
import SystemPackage
import Testing

extension EndToEnd {
    @Suite("The contract")
    struct ContractTests {
        private static let token = "contract-token-0123456789abcdef0123456789"
        private static let secret = "contract-secret-0123456789abcdef"

        @Test("schemathesis finds nothing that the contract and the running service say differently")
        func schemathesis() async throws {
            try await Scene.play { scene in
                // What the contract's examples name.
                for version in ["v1.2.3", "v1.9.0-rc.1", "v1.10.0"] {
                    try scene.registry.add(.init(layer: version), to: "webapp/app-example", tags: [version])
                }
                let tokens = try scene.secret("tokens", "tester:read,build:\(Self.token)\n")
                let secret = try scene.secret("webhook-secret", "\(Self.secret)\n")
                // Builds fail at once: hundreds are asked for, some of them from hosts that were made up.
                try Scene.write(
                    "#!/bin/sh\necho 'fatal: no such remote' >&2\nexit 128\n", to: "\(scene.directory)/bin/git",
                    permissions: 0o700)
                let path = scene.settings["PATH"] ?? ""
                let service = try await scene.service([
                    "API_TOKENS_FILE": tokens, "GITHUB_WEBHOOK_SECRET_FILE": secret, "BUILD_CONCURRENCY": "1",
                    "PATH": "\(scene.directory)/bin:\(path)",
                ])
                try Scene.write("hooks = \"\(scene.directory)/hooks.py\"\n", to: "\(scene.directory)/schemathesis.toml")
                try Scene.write(Self.hooks, to: "\(scene.directory)/hooks.py")

                let result = try await Self.run(
                    "schemathesis",
                    [
                        "--no-color", "run", "\(service.url)/openapi.yaml", "--checks", "all", "--seed", "1",
                        "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "20",
                        "--continue-on-failure", "--generation-database", "none", "--request-timeout", "100",
                        "--header", "Authorization: Bearer \(Self.token)",
                    ], in: scene.directory)
                #expect(result.status == 0, "\(result.output) \(result.errors)")
                Self.expectReach(service.log, result.output)
                #expect(service.isRunning && !service.log.contains(Self.token))
            }
        }

        /// Every route has answered with success, else there was nothing to compare with the contract.
        private static func expectReach(_ log: String, _ output: String) {
            var answers: [String: Int] = [:]
            for line in log.split(separator: "\n") {
                let words = line.split(separator: " ")
                let values = ["method=", "route=", "status="].compactMap { name in
                    words.first { $0.hasPrefix(name) }?.dropFirst(name.count)
                }
                if values.count == 3 { answers[values.joined(separator: " "), default: 0] += 1 }
            }
            for answer in [
                "GET /tags/{webapp} 200", "GET /tags/{webapp}/{tag} 200", "GET /next/{webapp} 200",
                "POST /next/{webapp} 200", "POST /builds 202", "GET /builds 200", "GET /builds/{id} 200",
                "GET /builds/{id}/logs 200", "GET /builds/{id}/events 200", "GET /openapi.yaml 200",
                "POST /webhooks/github 200", "POST /webhooks/registry 200", "GET /webapps 200",
                "GET /webapps/{webapp} 200", "GET /webapps/{webapp}/history 200", "GET /caller 200", "GET / 200",
            ] {
                #expect((answers[answer] ?? 0) > 0, "no \(answer) among \(answers)")
            }
            #expect((answers["POST /builds 202"] ?? 0) >= 20, "\(answers)")
            // On a busy machine there may be a 503 or 504; a 500 is wrong in the service itself.
            #expect(log.matches(of: /status=4/).count > 200 && log.firstMatch(of: /status=500/) == nil)
            #expect(output.contains("Operations:") && !output.contains("0 generated"), "\(output)")
        }

        private static func run(_ name: String, _ arguments: [String], in directory: String) async throws
            -> Scene.Ending
        {
            let result = try await Subprocess.run(
                .name(name), arguments: Arguments(arguments),
                environment: .inherit.updating([
                    "HOME": directory, "TMPDIR": "\(directory)/tmp", "NO_PROXY": "*", "no_proxy": "*",
                    "WEBHOOK_SECRET": secret,
                ]),
                workingDirectory: FilePath(directory), output: .string(limit: 4 << 20), error: .string(limit: 1 << 20))
            var status: Int32?
            if case .exited(let code) = result.terminationStatus { status = code }
            return Scene.Ending(status: status, output: result.standardOutput, errors: result.standardError)
        }

        /// What schemathesis has to know beside the contract.
        private static let hooks = #"""
            import collections
            import hashlib
            import hmac
            import itertools
            import os

            import requests.sessions
            import schemathesis
            import urllib3.util.connection
            from hypothesis import strategies as st
            from schemathesis.core.failures import AcceptedNegativeData
            from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

            # Whoever fails often is slowed down. Each request comes from another address of this machine, so none does.
            connect, defaults = urllib3.util.connection.create_connection, requests.sessions.default_headers
            sources = itertools.cycle(f"127.0.{net}.{host}" for net in range(8) for host in range(1, 250))


            def connect_from_elsewhere(*arguments, **options):
                return connect(*arguments, **{**options, "source_address": (next(sources), 0)})


            def closing_headers():
                headers = defaults()
                headers["Connection"] = "close"
                return headers


            urllib3.util.connection.create_connection = connect_from_elsewhere
            requests.sessions.default_headers = closing_headers

            # The contract's format version-range.
            number = st.integers(0, 12).map(str)
            wild = st.sampled_from(["x", "X", "*"])
            release = st.tuples(number, number, number).map(".".join)
            partial = st.one_of(
                release,
                st.tuples(release, st.sampled_from(["-rc", "-beta.2", "-x-1", "-0", "+build"])).map("".join),
                number,
                wild,
                st.tuples(number, number).map(".".join),
                st.tuples(number, wild, wild).map(".".join),
                st.tuples(number, number, wild).map(".".join),
            )
            version = st.tuples(st.sampled_from(["", "v"]), partial).map("".join)
            operator = st.sampled_from(["", "=", "!=", "> ", ">=", "<", "<=", "~", "~>", "^\t"])
            term = st.tuples(operator, version).map("".join) | st.tuples(version, version).map(" - ".join)
            separator = st.sampled_from([" ", ",", " , ", "||", " || "])
            ranges = st.recursive(term, lambda rest: st.tuples(term, separator, rest).map("".join), max_leaves=4)
            # Blanks at the end make it as long as is allowed, and one character longer.
            lengths = st.sampled_from([0, 0, 0, 255, 256, 257])
            schemathesis.openapi.format("version-range", st.builds(str.ljust, ranges, lengths))

            starts = collections.Counter()


            @schemathesis.hook
            def before_load_schema(context, raw_schema):
                # This service has tokens, so nobody may call without one.
                raw_schema["security"].remove({})
                # It goes on until the caller leaves, and nobody here leaves.
                del raw_schema["paths"]["/events"]


            @schemathesis.hook
            def before_call(context, case, kwargs):
                # Each phase starts sixteen builds. Further requests are checked and then refused, for their key is taken.
                meta = case.meta
                label = case.operation.label
                if label in ("POST /builds", "POST /builds/{id}/retry") and meta and meta.generation.mode.is_positive:
                    phase = meta.phase.name.value
                    case.headers["Idempotency-Key"] = f'"{phase}-{label[-1]}-{starts[phase, label] % 16}"'
                    starts[phase, label] += 1
                if case.operation.label == "POST /webhooks/github" and meta and not meta.is_negative_at("header"):
                    kwargs["auth"] = sign


            def sign(request):
                """Signs as GitHub does, so that what is made up is read. Without the header it stays unsigned."""
                if "X-Hub-Signature-256" in request.headers:
                    body = request.body or b""
                    body = body.encode() if isinstance(body, str) else body
                    digest = hmac.new(os.environ["WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
                    request.headers["X-Hub-Signature-256"] = f"sha256={digest}"
                return request


            @schemathesis.hook
            def filter_failure(context, failure, case, response):
                """Whether something is a failure. What a schema cannot say is none:

                - no version comes next: that depends on those that there are
                - the key belongs to another request, see above
                - callbackUrl: which hosts may be called is the operator's choice
                - prereleaseId without bump=prerelease: OpenAPI has no words for query parameters that go together
                - what GitHub tells in other events than push: it is not read, and a body cannot depend on a header
                - what was deleted is still there: to delete a build is to cancel it, and it stays known
                - a text in GitHub's form that is not JSON: contentMediaType says it, but makes nobody generate it
                """
                if isinstance(failure, AcceptedNegativeData) and case.operation.label == "POST /webhooks/github":
                    headers = case.headers or {}
                    return case.meta.is_negative_at("header") or headers.get("X-GitHub-Event") == "push"
                if isinstance(failure, UseAfterFree):
                    return False
                if not isinstance(failure, RejectedPositiveData) or response.status_code not in (400, 422):
                    return True
                problem = response.json()
                if response.status_code == 400:
                    is_form = case.media_type == "application/x-www-form-urlencoded"
                    return not (is_form and problem["code"] == "invalid_payload" and problem["field"] == "$")
                wrong = {error["field"] for error in problem.get("errors", [])}
                if problem["code"] in ("no_next_version", "idempotency_key_reused") or wrong == {"callbackUrl"}:
                    return False
                together = case.operation.label == "GET /next/{webapp}" and case.query.get("bump") != "prerelease"
                return not (together and wrong == {"prereleaseId"})

            """#
    }
}
