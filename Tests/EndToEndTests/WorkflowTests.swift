import FoundationEssentials
import KubernetesClient
import KubernetesStandIn
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("The n8n workflows")
    struct WorkflowTests {
        private static let token = "workflow-token-0123456789abcdef0123456789"

        /// Plays a workflow of `deploy/n8n` against a service and answers what came of it.
        ///
        /// - Parameter order: What `play.py` is told beside the workflow's name and where the service is, as members of
        ///   JSON objects.
        private static func play(
            _ workflow: String, _ service: ServiceProcess, token: String = token, settings: String = "",
            order: String = ""
        ) async throws -> JSON {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let output = try await command(
                ["python3", "-B", root.appending(path: "deploy/n8n/tests/play.py").path],
                input: """
                    {"workflow": "\(workflow)", "token": "\(token)",
                     "settings": {"baseUrl": "\(service.url)"\(settings.isEmpty ? "" : ", " + settings)}
                     \(order.isEmpty ? "" : ", " + order)}
                    """)
            return try JSON(parsing: output)
        }

        private static func service(
            _ scene: Scene, _ settings: [String: String] = [:]
        ) async throws -> ServiceProcess {
            let tokens = try scene.secret("tokens", "n8n:read,build:\(token)\n")
            return try await scene.service(settings.merging(["API_TOKENS_FILE": tokens]) { $1 })
        }

        /// What the requests of a node were answered.
        private static func statuses(_ played: JSON, of node: String) -> [JSON?] {
            played["requests"]?.array.filter { $0["node"]?.string == node }.map { $0["status"] } ?? []
        }

        @Test("next-version: the version, or the service's own words")
        func nextVersion() async throws {
            try await Scene.play { scene in
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["v1.2.3"])
                let service = try await Self.service(scene)
                let version = try await Self.play("next-version", service, settings: #""bump": "minor""#)
                #expect(version["end"] == "Version", "\(version)")
                #expect(version["json"]?["next"] == "v1.3.0" && version["json"]?["current"] == "v1.2.3")
                let first = try await Self.play("next-version", service, settings: #""webapp": "app-new""#)
                #expect(first["json"]?["next"] == "v1.0.0" && first["json"]?["current"] == "", "\(first)")
                let refused = try await Self.play("next-version", service, settings: #""bump": "huge""#)
                #expect(refused["end"] == "Refused", "\(refused)")
                #expect(refused["error"]?.string?.contains("must be one of major, minor") == true, "\(refused)")
                let stranger = try await Self.play("next-version", service, token: "nobody-0123456789abcdef")
                #expect(stranger["error"]?.string?.hasPrefix("401") == true, "\(stranger)")
            }
        }

        @Test("template-by-n8n: a Job from the template, of the version that the service named, waited for to its end")
        func template() async throws {
            try await Scene.play { scene in
                try await scene.inCluster(second: .milliseconds(50)) { standIn, cluster in
                    let service = try await Self.service(scene, cluster)
                    let settings = #""kubernetesUrl": "\#(standIn.address)", "gitSubdirectory": "apps/one""#
                    let order = #""kubernetesToken": "\#(standIn.token)""#

                    let built = try await Self.play("template-by-n8n", service, settings: settings, order: order)
                    #expect(built["end"] == "Built", "\(built)")
                    #expect(built["json"]?["tag"] == "v1.0.0")
                    let digest = try #require(try await scene.servedDigest(of: "v1.0.0"))
                    #expect(built["json"]?["digest"] == .string(digest))
                    let job = try #require(standIn.job("build-app-example-v1-0-0"))
                    let made = String(decoding: job.json(), as: UTF8.self)
                    for word in ["apps/one", "https://github.com/kifbv/homelab-webapps.git"] {
                        #expect(made.contains(word), "\(word) is not in \(made)")
                    }
                    #expect(!made.contains("${"))

                    standIn.withSettings { stand in stand.script = { _, _ in .failedMain } }
                    let failed = try await Self.play("template-by-n8n", service, settings: settings, order: order)
                    #expect(failed["end"] == "Build failed", "\(failed)")
                    #expect(standIn.jobNames.count == 2)
                    // n8n's account may not create Jobs any more.
                    standIn.withSettings { stand in
                        stand.allowed = stand.allowed.filter { $0.description != "create jobs.batch" }
                    }
                    let refused = try await Self.play("template-by-n8n", service, settings: settings, order: order)
                    #expect(
                        refused["end"] == "Refused" && Self.statuses(refused, of: "Create Job") == [403], "\(refused)")
                }
            }
        }

        @Test("build-and-wait: the call back resumes it, with success and with failure; without one it asks")
        func buildAndWait() async throws {
            try await Scene.play { scene in
                try await scene.repository.commit(["app-bad/Dockerfile": "FROM scratch\nCOPY missing /missing\n"])
                let secret = try scene.secret("callback-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
                let service = try await Self.service(
                    scene, ["CALLBACK_ALLOWED_HOSTS": "http://127.0.0.1", "CALLBACK_SECRET_FILE": secret])

                let built = try await Self.play("build-and-wait", service)
                #expect(built["end"] == "Built", "\(built)")
                let digest = try #require(try await scene.servedDigest(of: "v1.0.0"))
                #expect(built["json"]?["tag"] == "v1.0.0" && built["json"]?["digest"] == .string(digest), "\(built)")
                #expect(Self.statuses(built, of: "Build") == [202] && Self.statuses(built, of: "Ask") == [])

                let failed = try await Self.play("build-and-wait", service, settings: #""webapp": "app-bad""#)
                #expect(failed["end"] == "Build failed", "\(failed)")
                #expect(failed["error"]?.string?.contains("missing") == true, "\(failed)")

                for (settings, end) in [("", "Built after all"), (#""webapp": "app-bad""#, "Not built")] {
                    let late = try await Self.play(
                        "build-and-wait", service, settings: settings, order: #""resumeWithin": 0"#)
                    #expect(late["end"]?.string == end, "\(late)")
                    #expect(Self.statuses(late, of: "Ask") == [200])
                }
            }
        }

        @Test("github-push: what GitHub signed arrives as it is, and the service's answer goes back")
        func gitHubPush() async throws {
            try await Scene.play { scene in
                let secret = "webhook-secret-0123456789abcdef"
                let file = try scene.secret("webhook-secret", "\(secret)\n")
                let service = try await Self.service(
                    scene, ["GITHUB_WEBHOOK_SECRET_FILE": file, "WEBAPP_PATHS": "app-*"])
                let after = try await scene.repository.commit(["app-example/new.html": "new"], message: "feat: new")
                // Not as a JSON encoder would write it, which would break the signature.
                let body = """
                    {  "ref":"refs/heads/main", "after":"\(after)", "before":"\(String(repeating: "0", count: 40))",
                      "deleted": false, "created": false, "repository": {"full_name": "example/webapps", "pushed_at": 1795377001,
                      "clone_url": "https://github.com/example/webapps.git"}, "sender": {"login": "octocat"}, "head_commit": {"id": "\(after)", "message": "feat: new"},
                      "commits": [{"id": "\(after)", "message": "feat: n\\u00e9w", "distinct": true,
                        "added": ["app-example/new.html"], "modified": [], "removed": []}] }
                    """
                func push(signedWith secret: String) async throws -> JSON {
                    let text = String(decoding: try JSONEncoder().encode(body), as: UTF8.self)
                    return try await Self.play(
                        "github-push", service,
                        order: """
                            "webhook": {"body": \(text), "secret": "\(secret)", "headers": {"X-GitHub-Event": "push",
                              "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-GitHub-Hook-ID": "1"}}
                            """)
                }
                let forged = try await push(signedWith: "another-secret-0123456789")
                #expect(forged["end"] == "Answer" && forged["response"]?["status"] == 401, "\(forged)")
                let pushed = try await push(signedWith: secret)
                #expect(pushed["end"] == "Answer" && pushed["response"]?["status"] == 200, "\(pushed)")
                #expect(pushed["response"]?["headers"]?["Content-Type"]?.string?.hasPrefix("application/json") == true)
                let answer = try JSON(parsing: pushed["response"]?["body"]?.string ?? "")
                #expect(answer["builds"]?.array.map { $0["webapp"] } == ["app-example"], "\(answer)")
                #expect(try await push(signedWith: secret)["response"]?["status"] == 200)
                let builds = try await service.get("/builds", headers: ["Authorization: Bearer \(Self.token)"])
                #expect(builds["builds"]?.array.map { $0["git"]?["commit"] } == [.string(after)], "\(builds)")
                service.kill()
                let alone = try await push(signedWith: secret)
                #expect(alone["end"] == "No answer" && alone["response"]?["status"] == 502, "\(alone)")
            }
        }
    }
}
