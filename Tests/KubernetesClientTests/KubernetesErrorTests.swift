import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Testing

@testable import KubernetesClient

@Suite("Failures say what they mean")
struct KubernetesErrorTests {
    /// What every recorded failure means.
    static let meanings: [String: KubernetesError.Code] = [
        "anonymous-403": .forbidden, "unauthorized-401-bad-token": .unauthorized, "tokenreview-403": .forbidden,
        "job-create-400-malformed": .badRequest, "job-create-400-namespace-mismatch": .badRequest,
        "job-create-400-unknown-field": .badRequest, "job-create-400-wrong-kind": .badRequest,
        "job-create-403-quota": .quotaExceeded, "job-create-403-rbac": .forbidden,
        "job-create-409-deleting": .alreadyExistsDeleting, "job-create-409-exists": .alreadyExists,
        "job-create-409-foreground": .alreadyExistsDeleting, "job-create-422-label": .invalid,
        "job-create-422-name": .invalid, "job-create-422-name-too-long": .invalid,
        "job-create-422-restart-policy": .invalid, "job-delete-404": .notFound,
        "job-delete-409-precondition": .conflict, "job-get-404": .notFound, "job-list-400-continue": .badRequest,
        "job-list-400-selector": .badRequest, "job-list-410-exact-rv": .expired,
        "job-list-410-expired-continue": .expired, "job-list-504-future-rv": .timeout, "job-patch-404": .notFound,
        "job-patch-415": .badRequest, "job-patch-422-immutable": .invalid, "job-patch-json-422-test": .invalid,
        "job-patch-merge-409-conflict": .conflict, "lease-create-409": .alreadyExists, "lease-create-422": .invalid,
        "lease-create-time-without-fraction": .badRequest, "lease-get-404": .notFound, "lease-update-409": .conflict,
        "lease-update-no-rv": .invalid, "log-400-bad-container": .badRequest, "log-400-image-pull": .badRequest,
        "log-400-init-failed": .badRequest, "log-400-previous": .badRequest, "log-400-waiting": .badRequest,
        "log-404-pod": .notFound, "watch-500-bad-rv": .serverFailure,
    ]

    @Test("every recorded failure is on the table")
    func complete() throws {
        let failures = try Recording.names.filter { try Recording($0).status >= 400 }
        #expect(failures == Self.meanings.keys.sorted())
    }

    @Test("a recorded failure means", arguments: meanings.keys.sorted())
    func meaning(_ name: String) throws {
        let recording = try Recording(name)
        let error = KubernetesError(
            answer: .init(code: recording.status), fields: recording.responseFields, body: recording.body,
            to: try operation(recording), now: Date())
        #expect(error.code == Self.meanings[name])
        #expect(error.status == recording.status)
        let said = recording.document?["message"]?.string ?? ""
        #expect(error.message.hasPrefix(String(said.prefix(200))))
        #expect(error.reason == recording.document?["reason"]?.string)
        #expect(error.message.count <= 510)
        #expect(error.isTransient == [KubernetesError.Code.timeout, .serverFailure].contains(error.code))
        #expect(error.description.contains(String(recording.status)))
    }

    /// The call that a recorded request belongs to.
    private func operation(_ recording: Recording) throws -> KubernetesOperation {
        let path = recording.path.split(separator: "/").map(String.init)
        let isLog = path.last == "log"
        let kinds = [ResourceKind.jobs, .pods, .leases]
        let kind = kinds.first { path.contains($0.resource) } ?? .jobs
        let position = path.firstIndex(of: kind.resource)
        let object = position.flatMap { $0 + 1 < path.count ? path[$0 + 1] : nil }
        return KubernetesOperation(
            ResourceAccess("get", kind, isLog ? "log" : nil), object: object, namespace: "build-system")
    }

    static let craftedAnswers: [(status: Int, body: String, code: KubernetesError.Code)] = [
        // Answers from in front of the API server conclude nothing about objects.
        (404, "<html>not here</html>", .malformedAnswer), (409, "conflict", .malformedAnswer),
        (403, "<html>blocked</html>", .malformedAnswer), (410, "", .malformedAnswer), (301, "", .malformedAnswer),
        (401, "", .unauthorized), (429, "Too many requests, please try again later.\n", .tooManyRequests),
        (502, "<html>bad gateway</html>", .unavailable), (503, "", .unavailable), (504, "", .timeout),
        (500, "oops", .serverFailure), (418, "short and stout", .malformedAnswer),
        // A 404 about something else than the object says nothing about the object.
        (
            404,
            #"{"kind":"Status","status":"Failure","reason":"NotFound","message":"namespaces \"build-system\" not found","#
                + #""details":{"name":"build-system","kind":"namespaces"},"code":404}"#, .unknownResource
        ),
        (
            404,
            #"{"kind":"Status","reason":"NotFound","message":"the server could not find the requested resource","#
                + #""details":{},"code":404}"#, .unknownResource
        ),
        (
            404,
            #"{"kind":"Status","reason":"NotFound","message":"jobs.batch \"other\" not found","#
                + #""details":{"name":"other","group":"batch","kind":"jobs"},"code":404}"#, .unknownResource
        ),
        // An admission webhook is no quota.
        (
            403,
            #"{"kind":"Status","reason":"Forbidden","message":"admission webhook \"x\" denied the request","code":403}"#,
            .forbidden
        ),
        (503, #"{"kind":"Status","reason":"ServiceUnavailable","message":"starting","code":503}"#, .unavailable),
        (500, #"{"kind":"Status","reason":"InternalError","message":"etcd","code":500}"#, .serverFailure),
        (429, #"{"kind":"Status","reason":"TooManyRequests","message":"later","code":429}"#, .tooManyRequests),
        (504, #"{"kind":"Status","reason":"ServerTimeout","message":"later","code":504}"#, .timeout),
        (418, #"{"kind":"Status","reason":"Teapot","message":"short","code":418}"#, .other),
    ]

    @Test("other answers mean", arguments: craftedAnswers)
    func crafted(_ status: Int, _ body: String, _ code: KubernetesError.Code) async throws {
        let transport = PieceTransport(status: status, body: Array(body.utf8))
        let error = await kubernetesError {
            _ = try await client(transport).job(named: "build-x")
        }
        #expect(error?.code == code)
    }

    static let transportFailures: [(TransportError.Code, KubernetesError.Code, isTransient: Bool)] = [
        (.nameResolution, .unreachable, true), (.connect, .unreachable, true), (.connectionLost, .unreachable, true),
        (.idleTimeout, .timeout, true), (.totalTimeout, .timeout, true), (.tls, .tls, false),
        (.malformedResponse, .malformedAnswer, false), (.headerTooLarge, .malformedAnswer, false),
        (.bodyTooLarge, .malformedAnswer, false), (.shutDown, .other, false), (.invalidRequest, .other, false),
    ]

    @Test("what the transport reports means", arguments: transportFailures)
    func transport(_ failure: TransportError.Code, _ code: KubernetesError.Code, _ isTransient: Bool) async throws {
        let error = KubernetesError(
            TransportError(failure, "it broke"),
            during: KubernetesOperation(ResourceAccess("get", .jobs), object: "build-x", namespace: "build-system"))
        #expect(error.code == code)
        #expect(error.isTransient == isTransient)
        #expect(
            error.description == "get jobs.batch \"build-x\" in namespace \"build-system\" failed: it broke"
                + (code == .tls ? " (check the certificate authority in the cluster's credentials)" : ""))
    }

    static let strangeSuccesses: [(String, String)] = [
        ("<html>login</html>", "no JSON"), (#"{"kind":"ConfigMap","metadata":{"name":"x"}}"#, "another kind"),
        (#"{"kind":"Job"}"#, "metadata is missing"), ("", "no JSON"), ("[]", "of another type"),
        (#"{"kind":"Job","metadata":{"name":1},"spec":{}}"#, "metadata.name is of another type"),
        (#"{"kind":"Job","metadata":{"name":"x","creationTimestamp":"yesterday"},"spec":{}}"#, "RFC 3339"),
    ]

    @Test("a success that is none is malformed", arguments: strangeSuccesses)
    func strangeSuccess(_ body: String, _ reason: String) async throws {
        let error = await kubernetesError {
            _ = try await client(PieceTransport(body: Array(body.utf8))).job(named: "build-x")
        }
        #expect(error?.code == .malformedAnswer)
        #expect(error?.message.contains(reason) == true || reason == "no JSON", "\(error?.message ?? "")")
    }

    @Test("credentials in an answer do not reach the error")
    func redaction() async throws {
        let body =
            #"{"kind":"Status","reason":"Forbidden","message":"Authorization: Bearer abc.def.ghi refused","code":403}"#
        let error = await kubernetesError {
            _ = try await client(PieceTransport(status: 403, body: Array(body.utf8))).job(named: "build-x")
        }
        let description = try #require(error?.description)
        #expect(!description.contains("abc.def.ghi"))
        #expect(description.contains("allow get on jobs.batch"))
    }

    @Test(
        "a name that no object has is refused before anything is sent",
        arguments: [
            "", "..", ".", "a/b", "A", "a b", "a%2Fb", "-a", "ä", String(repeating: "a", count: 254),
        ])
    func names(_ name: String) async throws {
        let transport = PieceTransport(body: [])
        let client = try client(transport)
        #expect(await kubernetesError { _ = try await client.job(named: name) }?.code == .invalid)
        #expect(
            await kubernetesError { _ = try await client.log(ofPod: name, LogOptions(container: "x")) }?.code
                == .invalid)
        #expect(
            await kubernetesError { _ = try await client.deleteJob(named: name, propagation: .foreground) }?.code
                == .invalid)
        #expect(transport.requests.isEmpty)
        let elsewhere = try KubernetesClientTests.client(transport, namespace: name)
        #expect(await kubernetesError { _ = try await elsewhere.jobs() }?.code == .invalid)
        #expect(transport.requests.isEmpty)
    }
}
