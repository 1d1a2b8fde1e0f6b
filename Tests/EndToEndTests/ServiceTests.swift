import FoundationEssentials
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("The service")
    struct ServiceTests {
        @Test("it is ready once registry and builder are there; its contract can be read")
        func readiness() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                #expect(try await service.get("/healthz").status == 200)
                try await eventually("it is ready") { try await service.get("/readyz")["ready"] == true }
                #expect(try await service.get("/readyz").status == 200)
                let contract = try await service.get("/openapi.yaml")
                #expect(contract.status == 200)
                #expect(contract.body.contains("/tags/{webapp}"))
            }
        }

        @Test("a graceful shutdown answers a long poll that is in flight, and then ends")
        func gracefulShutdown() async throws {
            try await Scene.play { scene in
                let server = try await PlayServer(holding: true)
                defer { server.close() }
                try await scene.repository.commit([
                    "app-slow/Dockerfile": "FROM scratch\nADD \(server.url)/slow /slow\n"
                ])
                let service = try await scene.service()
                let build = try await service.startBuild(#"{"webapp": "app-slow"}"#)
                _ = try await service.build(build) { _ in server.requestCount > 0 }
                let url = "\(service.url)/builds/\(build["id"]?.string ?? "")?wait=50s"
                let trace = "\(scene.directory)/trace"
                async let poll = scene.client.send("GET", url, options: ["--trace-ascii", trace])
                // curl says so in its trace.
                try await eventually("the poll has been sent") {
                    let text = FileManager.default.contents(atPath: trace).map { String(decoding: $0, as: UTF8.self) }
                    return text?.contains("Send header") == true
                }
                // What was sent before these has arrived, too, whichever of the service's threads reads it.
                for _ in 0..<10 { #expect(try await service.get("/healthz").status == 200) }
                service.terminate()
                let answer = try await poll
                #expect(answer.status == 200)
                #expect(answer["done"] == false)
                #expect(try await service.hasEnded())
                await #expect(throws: HTTPClient.ConnectionFailure.self) { try await service.get("/healthz") }
            }
        }

        @Test("on another address than loopback it wants tokens, and then lets in only who has one")
        func tokens() async throws {
            try await Scene.play { scene in
                let refused = try await scene.run("serve", changing: ["LISTEN": "0.0.0.0:0"])
                #expect(refused.status == 64)
                #expect(
                    refused.errors.contains("API_TOKENS_FILE") && refused.errors.contains("0.0.0.0:0"),
                    "\(refused.errors)")
                let reader = "reader-token-0123456789abcdef0123456789abcdef"
                let file = try scene.secret("tokens", "n8n:read:\(reader)\n")
                let service = try await scene.service(["API_TOKENS_FILE": file])
                #expect(try await service.get("/next/app-example").status == 401)
                #expect(
                    try await service.get("/next/app-example", headers: ["Authorization: Bearer \(reader)"]).status
                        == 200)
                let build = try await service.post(
                    "/builds", #"{"webapp": "app-example"}"#, headers: ["Authorization: Bearer \(reader)"])
                #expect(build.status == 403)
                #expect(!service.log.contains(reader))
            }
        }

        static let badSettings: [(settings: [String: String], words: [String])] = [
            (["REGISTRY": "not a host"], ["REGISTRY", "not a host"]),
            (["REGISTRY_ENDPOINT": "ftp://registry.example"], ["REGISTRY_ENDPOINT", "ftp://registry.example"]),
            (["REGISTRY_CA_FILE": "/no/such/file"], ["REGISTRY_CA_FILE", "/no/such/file", "no such file"]),
            (["REGISTRY_CA_FILE": "/etc/hostname"], ["REGISTRY_CA_FILE", "/etc/hostname", "PEM"]),
            (["REPOSITORY_PREFIX": "Web Apps"], ["REPOSITORY_PREFIX", "Web Apps"]),
            (["INITIAL_VERSION": "first"], ["INITIAL_VERSION", "first", "v1.0.0"]),
            (["TAGS_MAX_AGE": "soon"], ["TAGS_MAX_AGE", "soon", "5s"]),
            (["TAG_FILTER": "("], ["TAG_FILTER", "("]),
            (["LISTEN": "8080"], ["LISTEN", "8080", "127.0.0.1:8080"]),
            (["LISTEN": "0.0.0.0:8080"], ["LISTEN", "0.0.0.0:8080", "API_TOKENS_FILE"]),
            (["API_TOKENS_FILE": "/no/such/file"], ["API_TOKENS_FILE", "/no/such/file"]),
            (["ALLOW_ANONYMOUS": "maybe"], ["ALLOW_ANONYMOUS", "maybe", "true"]),
            (["BUILDER": "magic"], ["BUILDER", "magic", "local"]),
            (["BUILDER": "kubernetes", "KUBECONFIG": "/no/such/file"], ["kubernetes"]),
            (["BUILD_NAMESPACE": "Not-One", "BUILDER": "kubernetes"], ["BUILD_NAMESPACE", "Not-One"]),
            (["STATE_DIR": "relative"], ["STATE_DIR", "relative", "absolute"]),
            (["BUILD_CONCURRENCY": "many"], ["BUILD_CONCURRENCY", "many", "64"]),
            (["GIT_REPO_URL": "https://user:hunter2@git.example/x"], ["GIT_REPO_URL"]),
            (["GIT_BRANCH": "-x"], ["GIT_BRANCH", "-x"]),
            (["LOG_LEVEL": "loud"], ["LOG_LEVEL", "loud", "info"]),
            (["LOG_FORMAT": "xml"], ["LOG_FORMAT", "xml", "json"]),
        ]

        @Test("a configuration that cannot work stops the start with one line that names variable, value and fix")
        func badConfiguration() async throws {
            try await Scene.play { scene in
                for bad in Self.badSettings {
                    let ending = try await scene.run("serve", changing: bad.settings)
                    #expect(ending.status == 64, "\(bad.settings): \(ending.errors)")
                    #expect(ending.output == "", "\(bad.settings)")
                    #expect(
                        ending.errors.hasSuffix("\n") && ending.errors.split(separator: "\n").count == 1,
                        "\(ending.errors)")
                    for word in bad.words { #expect(ending.errors.contains(word), "\(bad.settings): \(ending.errors)") }
                    #expect(!ending.errors.contains("hunter2"))
                }
            }
        }
    }
}
