import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("The main job")
    struct MainJobTests {
        @Test("tags, next, a build, and a new tag, over HTTP")
        func overHTTP() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                let unknown = try await service.get("/tags/app-example")
                #expect(unknown.status == 404)
                #expect(unknown["code"] == "repository_unknown")
                let first = try await service.get("/next/app-example")
                #expect(first.status == 200)
                #expect(first["current"] == .null)
                #expect(first["next"] == "v1.0.0")
                #expect(first["image"] == .string("\(scene.registry.authority)/webapp/app-example:v1.0.0"))

                let started = try await service.post("/builds", #"{"webapp": "app-example"}"#)
                #expect(started.status == 202)
                let build = try started.json
                let id = try #require(build["id"]?.string)
                #expect(started.headers["location"] == "/builds/\(id)")
                #expect(build["tag"] == "v1.0.0")

                // The log ends when the build has ended, so reading it needs no other wait.
                let log = try await service.get("/builds/\(id)/logs?follow=true")
                #expect(log.headers["content-type"]?.hasPrefix("text/plain") == true)
                #expect(log.body.contains("COPY . /www/"), "\(log.body)")
                let ended = try await service.get("/builds/\(id)?wait=30s")
                #expect(ended.status == 200)
                #expect(ended["status"] == "succeeded", "\(ended.body)")
                #expect(ended["done"] == true)
                let digest = try #require(try await scene.servedDigest(of: "v1.0.0"))
                #expect(ended["digest"] == .string(digest))

                let tags = try await service.get("/tags/app-example")
                #expect(tags["tags"] == ["v1.0.0"])
                #expect(tags["latest"] == "v1.0.0")
                #expect(try await service.get("/next/app-example")["next"] == "v1.0.1")
                #expect(try await service.get("/next/app-example?bump=minor")["next"] == "v1.1.0")

                let image = try await service.get("/tags/app-example/v1.0.0")
                let commit = try #require(try ended.json["git"]?["commit"]?.string)
                #expect(image["digest"] == .string(digest))
                #expect(image["revision"] == .string(commit))
                #expect(image["source"] == .string(scene.repository.url))
                #expect(image["labels"]?["org.opencontainers.image.version"] == "v1.0.0")
                #expect(try await service.get("/tags/app-example/v9.9.9")["code"] == "tag_unknown")
                #expect(try await service.get("/builds")["builds"]?.array.map { $0["id"] } == [.string(id)])
            }
        }

        @Test("dotfiles are in the image, and a pinned commit is what is built")
        func pinnedCommit() async throws {
            try await Scene.play { scene in
                let old = try await scene.repository.commit(["app-example/index.html": "old"])
                try await scene.repository.commit(["app-example/Dockerfile": "FROM nowhere.invalid/none\n"])
                // Copying one file by name fails where dotfiles were lost on the way.
                try await scene.repository.commit([
                    "app-dots/Dockerfile": "FROM scratch\nCOPY .env /env\n", "app-dots/.env": "A=1",
                ])
                let service = try await scene.service()
                let pinned = try await service.startBuild(#"{"webapp": "app-example", "git": {"commit": "\#(old)"}}"#)
                let dots = try await service.startBuild(#"{"webapp": "app-dots"}"#)
                let ended = try await service.ended(pinned)
                #expect(ended["status"] == "succeeded", "\(ended)")
                #expect(ended["git"]?["commit"] == .string(old))
                #expect(try await service.ended(dots)["status"] == "succeeded")
            }
        }

        @Test("commits decide: feat is a minor version, chore is no release")
        func commits() async throws {
            try await Scene.play { scene in
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["v1.4.2"])
                let service = try await scene.service()
                let feature = try await service.post("/next/app-example", #"{"commits": ["fix: a", "feat(ui): b"]}"#)
                #expect(feature["next"] == "v1.5.0")
                let chore = try await service.post("/builds", #"{"webapp": "app-example", "commits": ["chore: a"]}"#)
                #expect(chore.status == 200)
                #expect(chore["releaseNeeded"] == false)
                #expect(try await service.get("/builds")["builds"] == [])
            }
        }

        @Test("a maintenance line is released while a newer one exists")
        func maintenanceLine() async throws {
            try await Scene.play { scene in
                try scene.registry.add(
                    .init(), to: "webapp/app-example", tags: ["v1.9.9", "v2.3.0", "latest", "2024.01.02"])
                let service = try await scene.service()
                #expect(try await service.get("/next/app-example")["next"] == "v2.3.1")
                #expect(try await service.get("/next/app-example?range=1.x")["next"] == "v1.9.10")
                let refused = try await service.get("/next/app-example?range=1.x&bump=major")
                #expect(refused.status == 422)
                #expect(refused["code"] == "no_next_version")
            }
        }

        @Test(
            "two spellings of a version are one version, whatever the order",
            arguments: [["v1.2.0", "1.2.0"], ["1.2.0", "v1.2.0"]])
        func equalVersions(tags: [String]) async throws {
            try await Scene.play { scene in
                for tag in tags { try scene.registry.add(.init(layer: tag), to: "webapp/app-example", tags: [tag]) }
                let service = try await scene.service()
                #expect(try await service.get("/next/app-example")["next"] == "v1.2.1")
                for spelling in ["1.2.0", "v1.2.0"] {
                    let taken = try await service.post(
                        "/builds", #"{"webapp": "app-example", "version": "\#(spelling)"}"#)
                    #expect(taken.status == 409)
                    #expect(taken["code"] == "version_taken")
                }
            }
        }

        @Test("two callers who spell one version differently at the same moment get one build")
        func spellingRace() async throws {
            try await Scene.play { scene in
                let services = [try await scene.service(name: "one"), try await scene.service(name: "two")]
                let answers = try await withThrowingTaskGroup(of: Int.self) { group in
                    for (service, spelling) in zip(services, ["v3.0.0", "3.0.0"]) {
                        group.addTask {
                            try await service.post("/builds", #"{"webapp": "app-example", "version": "\#(spelling)"}"#)
                                .status
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers.sorted() == [202, 409])
            }
        }

        @Test("tags without the prefix v go on without it")
        func withoutPrefix() async throws {
            try await Scene.play { scene in
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["0.9.0"])
                let service = try await scene.service()
                #expect(try await service.get("/next/app-example?bump=minor")["next"] == "0.10.0")
            }
        }

        @Test("the same key answers with the same build, another request with it is refused")
        func idempotency() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                let body = #"{"webapp": "app-example"}"#
                let first = try await service.post("/builds", body, headers: [#"Idempotency-Key: "one""#])
                let again = try await service.post("/builds", body, headers: ["Idempotency-Key: one"])
                #expect([first.status, again.status] == [202, 200])
                #expect(first["id"] == again["id"])
                let other = try await service.post(
                    "/builds", #"{"webapp": "app-other"}"#, headers: ["Idempotency-Key: one"])
                #expect(other.status == 422)
                #expect(other["code"] == "idempotency_key_reused")
            }
        }
    }
}
