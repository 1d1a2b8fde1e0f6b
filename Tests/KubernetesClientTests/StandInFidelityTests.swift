import FoundationEssentials
import HTTPTransport
import HTTPTypes
import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("The stand-in answers as the recorded API server did")
struct StandInFidelityTests {
    /// What has to be so before a recorded request gets its recorded answer.
    struct Case: Sendable, CustomStringConvertible {
        var name: String
        var settings: @Sendable (inout StandInSettings) -> Void
        var prepare: @Sendable (TestCluster) async throws -> Void
        var description: String { name }

        init(
            _ name: String, settings: @escaping @Sendable (inout StandInSettings) -> Void = { _ in },
            prepare: @escaping @Sendable (TestCluster) async throws -> Void = { _ in }
        ) {
            self.name = name
            self.settings = settings
            self.prepare = prepare
        }
    }

    static let app = "build-app-example-v1-2-3"

    private static func existing(_ name: String, _ finalizers: String...)
        -> @Sendable (TestCluster) async throws -> Void
    {
        { cluster in try await cluster.create(name, finalizers: finalizers) }
    }

    private static func deleted(
        _ name: String, _ propagation: Propagation, _ finalizers: String...
    ) -> @Sendable (TestCluster) async throws -> Void {
        { cluster in
            try await cluster.create(name, finalizers: finalizers)
            _ = try await cluster.client.deleteJob(named: name, propagation: propagation)
        }
    }

    /// A document of another recording is there.
    private static func stored(
        _ recording: String, _ kind: ResourceKind
    ) -> @Sendable (TestCluster) async throws -> Void {
        { cluster in
            let document = try #require(try Recording(recording).document)
            cluster.standIn.store(document["items"]?.array?.first ?? document, kind: kind)
        }
    }

    /// The recorded token is an account's, for others than the API server.
    private static let bound: @Sendable (inout StandInSettings) -> Void = { settings in
        settings.allowed = [.tokenReviews]
        settings.reviewedTokens["<token>"] = ReviewedToken(
            username: "system:serviceaccount:build-system:buildkit-sa", audiences: ["registry-query"])
    }

    private static func lease(_ cluster: TestCluster) async throws {
        let posted = try #require(try Recording("lease-create-201").requestBody)
        _ = try await cluster.client.createLease(try JSONDecoder().decode(Lease.self, from: Data(posted.json())))
    }

    static let refusals: [Case] = [
        Case("anonymous-403"), Case("unauthorized-401-bad-token", settings: { $0.tokens["<token>"] = nil }),
        Case("job-create-400-malformed"), Case("job-create-400-namespace-mismatch"),
        Case("job-create-400-unknown-field"), Case("job-create-400-wrong-kind"),
        Case("job-create-403-quota", settings: { $0.jobQuota = 1 }, prepare: existing("build-q1")),
        Case(
            "job-create-403-rbac",
            settings: { $0.tokens["<token>"] = "system:serviceaccount:build-system:no-rights" }),
        Case("job-create-409-deleting", prepare: deleted(app, .background, "registry-query/callback")),
        Case("job-create-409-exists", prepare: existing(app)),
        Case("job-create-409-foreground", prepare: deleted("build-d2", .foreground, "registry-query/callback")),
        Case("job-create-422-label"), Case("job-create-422-name"), Case("job-create-422-name-too-long"),
        Case("job-create-422-restart-policy"), Case("job-get-404"), Case("job-delete-404"),
        Case("job-list-400-continue"),
        Case("job-list-400-selector"), Case("job-list-410-exact-rv", prepare: { $0.standIn.goOn(compacting: true) }),
        Case("job-list-410-expired-continue"), Case("job-patch-404"), Case("job-patch-415", prepare: existing(app)),
        Case("job-patch-json-422-test", prepare: existing(app)),
        Case("job-patch-merge-409-conflict", prepare: existing(app)), Case("lease-create-409", prepare: lease),
        Case("lease-create-422"), Case("lease-create-time-without-fraction"), Case("lease-get-404"),
        Case("lease-update-409", prepare: lease), Case("lease-update-no-rv", prepare: lease), Case("log-404-pod"),
        Case("tokenreview-403"),
    ]

    private func withCase(_ one: Case, _ body: (TestCluster, Recording) async throws -> Void) async throws {
        var settings = StandInSettings()
        settings.tokens["<token>"] = StandInSettings.account
        one.settings(&settings)
        try await TestCluster.run(settings) { cluster in
            try await one.prepare(cluster)
            try await body(cluster, try Recording(one.name))
        }
    }

    @Test("a refusal is the recorded document, word for word", arguments: refusals)
    func refusal(_ one: Case) async throws {
        try await withCase(one) { cluster, recording in
            let answer = try await cluster.replay(recording)
            #expect(answer.status == recording.status)
            #expect(answer.fields[.contentType] == recording.responseFields[.contentType])
            #expect(try JSONValue(json: answer.body) == recording.document)
        }
    }

    static let statuses: [Case] = [
        // The same but for versions, uids and the words that hold them.
        Case("job-list-504-future-rv"), Case("job-patch-422-immutable", prepare: existing(app)),
        Case("job-delete-409-precondition", prepare: existing("build-d5")),
        Case("job-create-201"), Case("job-create-201-dry-run"), Case("job-create-201-warning-dotted-name"),
        Case("job-create-201-warning-unknown-field"),
        Case(
            "job-create-201-warning-pod-security",
            settings: {
                $0.warnsOfPodSecurity = true
                $0.namespace = "build-restricted"
            }),
        Case("job-get-created", prepare: existing(app, "registry-query/callback")),
        Case("job-delete-background-200", prepare: existing("build-p1")),
        Case("job-delete-background-200-finalizer", prepare: existing(app, "registry-query/callback")),
        Case("job-delete-background-running-finalizer-200", prepare: existing("build-d1", "registry-query/callback")),
        Case("job-delete-default-200-warning", prepare: existing("build-d4")),
        Case("job-delete-foreground-200", prepare: existing("build-d2")),
        Case("job-delete-foreground-finalizer-200", prepare: existing("build-d3", "registry-query/callback")),
        Case(
            "job-delete-foreground-while-background-200",
            prepare: deleted("build-d1", .background, "registry-query/callback")),
        // Long seconds: the garbage collector has not come by yet.
        Case(
            "job-delete-again-200", settings: { $0.second = .seconds(10) }, prepare: deleted("build-d2", .foreground)),
        Case("job-list-empty"), Case("job-list-page1", prepare: { cluster in try await five(cluster) }),
        Case("job-list-inconsistent-continue", prepare: { cluster in try await five(cluster) }),
        Case("job-patch-merge-200", prepare: existing(app, "registry-query/callback")),
        Case("lease-create-201"), Case("lease-get-200", prepare: lease), Case("pods-empty"), Case("readyz"),
        Case("version"),
        Case("selfsubjectaccessreview-allowed"), Case("selfsubjectaccessreview-denied"),
        Case("watch-410-from-rv-1"), Case("watch-500-bad-rv"), Case("watch-timeout", prepare: { $0.standIn.goOn() }),
        Case("tokenreview-authenticated", settings: bound), Case("tokenreview-wrong-audience", settings: bound),
        Case("tokenreview-default-audience", settings: { $0.allowed = [.tokenReviews] }),
        Case("tokenreview-invalid", settings: { $0.allowed = [.tokenReviews] }),
        Case("log-400-bad-container", prepare: stored("pods-main-running", .pods)),
        Case("log-400-previous", prepare: stored("pods-main-running", .pods)),
        Case("log-400-waiting", prepare: stored("pods-init-running", .pods)),
    ]

    private static func five(_ cluster: TestCluster) async throws {
        for index in 0..<5 {
            try await cluster.create("build-list-\(index)") { $0["metadata"]?["labels"]?["webapp"] = "app-list" }
        }
    }

    @Test("status, reason, warnings and the shape of the document are the recorded ones", arguments: statuses)
    func status(_ one: Case) async throws {
        try await withCase(one) { cluster, recording in
            let answer = try await cluster.replay(recording)
            #expect(answer.status == recording.status)
            let warning = try #require(HTTPField.Name("Warning"))
            #expect(answer.fields[warning] == recording.responseFields[warning])
            #expect(answer.fields[.retryAfter] == recording.responseFields[.retryAfter])
            guard let expected = recording.document else {
                if recording.body.count < 500, one.name != "watch-410-from-rv-1" {
                    #expect(answer.body == recording.body)
                }
                return
            }
            let document = try JSONValue(json: answer.body)
            #expect(document["reason"] == expected["reason"])
            #expect(document["kind"] == expected["kind"])
            if expected["kind"] != "Status" || one.name.contains("delete") {
                #expect(differences(shape(document), shape(expected)) == [])
            }
        }
    }

    /// The paths at which two documents differ.
    private func differences(_ left: JSONValue?, _ right: JSONValue?, at path: String = "") -> [String] {
        if let left = left?.object, let right = right?.object {
            return Set(left.names + right.names).sorted().flatMap {
                differences(left[$0], right[$0], at: "\(path).\($0)")
            }
        }
        if let left = left?.array, let right = right?.array, left.count == right.count {
            return left.indices.flatMap { differences(left[$0], right[$0], at: "\(path)[\($0)]") }
        }
        return left == right ? [] : [path]
    }

    /// A document without what differs from cluster to cluster: versions, uids, times, and who set which field.
    private func shape(_ document: JSONValue) -> JSONValue {
        var document = document
        document["status"] = document["kind"] == "Job" ? nil : document["status"]
        func strip(_ value: JSONValue) -> JSONValue {
            switch value {
            case .array(let elements): return .array(elements.map(strip))
            case .object(let object):
                var result: JSONValue = [:]
                for (name, value) in object.members {
                    switch name {
                    case "managedFields": continue
                    case "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "continue", "generation":
                        result[name] = "varies"
                    case "batch.kubernetes.io/controller-uid", "controller-uid",
                        "authentication.kubernetes.io/credential-id":
                        result[name] = "varies"
                    default: result[name] = strip(value)
                    }
                }
                return result
            default: return value
            }
        }
        var result = strip(document)
        // The recorded builds differ in what they build; that is the caller's, and comes back as it was sent.
        result["metadata"]?["annotations"] = nil
        result["metadata"]?["labels"] = nil
        if result["spec"]?["template"] != nil, document["metadata"]?["name"]?.string != Self.app {
            result["spec"] = nil
        }
        if var items = result["items"]?.array {
            for index in items.indices {
                items[index]["spec"] = nil
                items[index]["status"] = nil
                items[index]["metadata"]?["labels"] = nil
                items[index]["metadata"]?["annotations"] = nil
            }
            result["items"] = .array(items)
        }
        if result["kind"] == "Status" { result["message"] = nil }
        return result
    }
}

extension KubernetesStandIn {
    /// Versions go on to beyond those of the recordings.
    func goOn(compacting: Bool = false) {
        for index in 0..<2300 {
            store(["metadata": ["name": "filler"], "spec": ["index": .number(JSONNumber(index))]], kind: .leases)
        }
        if compacting { compact() }
    }
}
