import FoundationEssentials
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("Builds")
    struct BuildTests {
        /// A webapp whose build waits in the middle of its Dockerfile until the server is told to go on.
        private static func addSlowWebapp(_ scene: Scene) async throws -> PlayServer {
            let server = try await PlayServer(holding: true)
            try await scene.repository.commit(["app-slow/Dockerfile": "FROM scratch\nADD \(server.url)/slow /slow\n"])
            return server
        }

        private static func startSlowBuild(_ service: ServiceProcess, _ server: PlayServer) async throws -> JSON {
            let build = try await service.startBuild(#"{"webapp": "app-slow"}"#)
            _ = try await service.build(build) { _ in server.requestCount > 0 }
            return build
        }

        @Test("a Dockerfile that fails is a failed build with the reason in its message; its version is not used again")
        func failure() async throws {
            try await Scene.play { scene in
                try await scene.repository.commit(["app-broken/Dockerfile": "FROM scratch\nCOPY missing /x\n"])
                let service = try await scene.service()
                let ended = try await service.ended(try await service.startBuild(#"{"webapp": "app-broken"}"#))
                #expect(ended["status"] == "failed")
                #expect(ended["phase"] == .null)
                #expect(ended["digest"] == .null)
                let message = ended["message"]?.string ?? ""
                #expect(message.contains("COPY missing /x") && message.contains("no such file"), "\(message)")
                #expect(try await service.get("/tags/app-broken").status == 404, "nothing was pushed")
                #expect(try await service.startBuild(#"{"webapp": "app-broken"}"#)["tag"] == "v1.0.1")
            }
        }

        @Test(
            "what cannot be cloned is a failed build that says what was asked for",
            arguments: [
                (#"{"webapp": "app-none"}"#, "app-none"),
                (#"{"webapp": "app-example", "git": {"ref": "no-such-branch"}}"#, "no-such-branch"),
                (#"{"webapp": "app-example", "git": {"subdirectory": "no/such/folder"}}"#, "no/such/folder"),
            ])
        func cloneFailure(body: String, word: String) async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                let ended = try await service.ended(try await service.startBuild(body))
                #expect(ended["status"] == "failed")
                #expect(ended["message"]?.string?.contains(word) == true, "\(ended)")
            }
        }

        @Test("moving tags follow each success, and none of them is a version")
        func movingTags() async throws {
            try await Scene.play(["MOVING_TAGS": "latest, minor"]) { scene in
                let service = try await scene.service()
                for (version, latest) in [("v1.1.0", "v1.1.0"), ("v1.0.5", "v1.1.0")] {
                    let body = #"{"webapp": "app-example", "version": "\#(version)"}"#
                    let ended = try await service.ended(try await service.startBuild(body))
                    #expect(ended["status"] == "succeeded", "\(ended)")
                    let highest = try await scene.servedDigest(of: latest)
                    // Moved before the success is told.
                    #expect(try await scene.servedDigest(of: "latest") == highest)
                    let minor = String(version.dropLast(2))
                    #expect(try await scene.servedDigest(of: minor) == ended["digest"]?.string)
                }
                #expect(try await scene.servedDigest(of: "v1") == nil, "only those that were asked for")
                #expect(try await service.get("/next/app-example").json["next"] == "v1.1.1")
            }
        }

        @Test("a build that is cancelled stops, and its version is free again")
        func cancellation() async throws {
            try await Scene.play { scene in
                let server = try await Self.addSlowWebapp(scene)
                defer { server.close() }
                let service = try await scene.service()
                let build = try await Self.startSlowBuild(service, server)
                #expect(build["tag"] == "v1.0.0")
                #expect(try await service.get("/next/app-slow")["inFlight"] == ["v1.0.0"])
                let id = build["id"]?.string ?? ""
                let cancelled = try await service.delete("/builds/\(id)")
                #expect(cancelled.status == 202, "\(cancelled.body)")
                #expect(try await service.ended(build)["status"] == "cancelled")
                #expect(try await service.get("/next/app-slow")["next"] == "v1.0.0")
                try server.release()
                let again = try await service.startBuild(#"{"webapp": "app-slow"}"#)
                #expect(again["tag"] == "v1.0.0")
                #expect(try await service.ended(again)["status"] == "succeeded")
            }
        }

        @Test("builds beyond the limit are queued, and all of them end")
        func queue() async throws {
            try await Scene.play(["BUILD_CONCURRENCY": "1"]) { scene in
                let server = try await Self.addSlowWebapp(scene)
                defer { server.close() }
                let service = try await scene.service()
                let first = try await Self.startSlowBuild(service, server)
                let second = try await service.startBuild()
                #expect(try await service.get("/builds/\(second["id"]?.string ?? "")")["status"] == "queued")
                try server.release()
                #expect(try await service.ended(first)["status"] == "succeeded")
                #expect(try await service.ended(second)["status"] == "succeeded")
            }
        }

        @Test("a service that is killed during a build loses nothing: its successor knows the build, which succeeds")
        func serviceKilled() async throws {
            try await Scene.play { scene in
                let server = try await Self.addSlowWebapp(scene)
                defer { server.close() }
                let first = try await scene.service(name: "first")
                let build = try await Self.startSlowBuild(first, server)
                first.kill()
                try server.release()
                let second = try await scene.service(name: "second")
                let ended = try await second.ended(build)
                #expect(ended["status"] == "succeeded", "\(ended)")
                #expect(ended["digest"]?.string == (try await scene.servedDigest(of: "v1.0.0", webapp: "app-slow")))
            }
        }

        @Test("a build whose worker is killed ends as failed, says so, and is not in the way of the next one")
        func workerKilled() async throws {
            try await Scene.play { scene in
                let server = try await Self.addSlowWebapp(scene)
                defer { server.close() }
                let service = try await scene.service()
                let build = try await Self.startSlowBuild(service, server)
                // The one process of the program that is not the service, known by its TMPDIR.
                try await command([
                    "bash", "-c",
                    #"""
                    killed=0
                    for pid in $(pgrep -f -- "^$1 work"); do
                        if tr "\0" "\n" <"/proc/$pid/environ" | grep -qx "TMPDIR=$2"; then kill -KILL "$pid" && killed=1; fi
                    done
                    [ "$killed" = 1 ]
                    """#, "kill", try Program.path, "\(scene.directory)/tmp",
                ])
                try server.release()
                let ended = try await service.ended(build)
                #expect(ended["status"] == "failed")
                #expect(ended["message"]?.string?.contains("killed while building") == true, "\(ended)")
                let next = try await service.ended(try await service.startBuild(#"{"webapp": "app-slow"}"#))
                #expect(next["tag"] == "v1.0.1")
                #expect(next["status"] == "succeeded")
                #expect(next["digest"]?.string == (try await scene.servedDigest(of: "v1.0.1", webapp: "app-slow")))
            }
        }
    }
}
