import Testing

extension EndToEnd {
    @Suite("The command line")
    struct CommandLineTests {
        @Test("the main job, for people")
        func text() async throws {
            try await Scene.play { scene in
                let unknown = try await scene.run("tags", "app-example")
                #expect(unknown.status == 1)
                #expect(unknown.errors.contains("webapp/app-example"), "\(unknown.errors)")
                #expect(try await scene.run("next", "app-example").output == "v1.0.0\n")
                let built = try await scene.run("build", "app-example", "--wait")
                #expect(built.status == 0, "\(built.errors)")
                #expect(built.output.contains("succeeded"))
                // A phase that is over within a moment may go unseen, the last state never does.
                let progress = built.errors.split(separator: "\n")
                #expect(progress.count > 1 && progress.last?.hasPrefix("succeeded: ") == true, "\(built.errors)")
                #expect(try await scene.run("tags", "app-example").output == "v1.0.0\n")
                #expect(try await scene.run("next", "app-example", "--bump", "major").output == "v2.0.0\n")
                let digest = try #require(try await scene.servedDigest(of: "v1.0.0"))
                #expect(try await scene.run("tags", "app-example", "v1.0.0").output.contains(digest))
                let again = try await TerminalRun.run(
                    ["retry", "build-app-example-v1-0-0", "--wait"], columns: 200, settings: scene.settings)
                let screen = try #require(again.pictures(columns: 200).last)
                let second = try #require(try await scene.servedDigest(of: "v1.0.1"))
                #expect(again.status == 0 && screen.isCursorVisible && screen.trouble == [], "\(screen.text)")
                #expect(
                    screen.text.contains("digest   \(second)") && screen.text[0] == "build    build-app-example-v1-0-1")
                let builds = try await scene.run("builds", "app-example", "--status", "succeeded")
                #expect(builds.output.contains("v1.0.0"))
                #expect(try await scene.run("builds", "--status", "failed").output.contains("v1.0.0") == false)
            }
        }

        @Test("the main job, for programs: the same documents as over HTTP")
        func json() async throws {
            try await Scene.play { scene in
                func document(_ arguments: [String], input: String = "") async throws -> JSON {
                    let ending = try await Scene.run(
                        arguments + ["--output", "json"], input: input, settings: scene.settings)
                    #expect(ending.status == 0, "\(arguments): \(ending.errors)")
                    return try JSON(parsing: ending.output)
                }
                let build = try await document(["build", "app-example", "--wait", "--idempotency-key", "k"])
                #expect(build["status"] == "succeeded")
                #expect(build["digest"]?.string == (try await scene.servedDigest(of: "v1.0.0")))
                #expect(try await document(["build", "app-example", "--idempotency-key", "k"])["id"] == build["id"])
                let service = try await scene.service()
                #expect(
                    try await document(["tags", "app-example"]) == (try await service.get("/tags/app-example").json))
                #expect(
                    try await document(["tags", "app-example", "v1.0.0"])
                        == (try await service.get("/tags/app-example/v1.0.0").json))
                #expect(
                    try await document(["next", "app-example", "--bump", "minor"])
                        == (try await service.get("/next/app-example?bump=minor").json))
                #expect(try await document(["builds"]) == (try await service.get("/builds").json))
                let commits = try await document(
                    ["next", "app-example", "--commits-from", "-"], input: "fix: a\0feat!: b\0")
                #expect(commits["next"] == "v2.0.0")
            }
        }

        @Test("a failed build is exit code 1, with the reason; its log can be read")
        func failure() async throws {
            try await Scene.play { scene in
                try await scene.repository.commit(["app-broken/Dockerfile": "FROM scratch\nCOPY missing /x\n"])
                let built = try await scene.run("build", "app-broken", "--wait", "--output", "json")
                #expect(built.status == 1)
                let document = try JSON(parsing: built.output)
                #expect(document["status"] == "failed")
                #expect(document["message"]?.string?.contains("missing") == true, "\(built.output)")
                let id = try #require(document["id"]?.string)
                let logs = try await scene.run("logs", id)
                #expect(logs.status == 0)
                #expect(logs.output.contains("COPY missing /x"))
                #expect(try await scene.run("cancel", id).status == 1, "what has ended cannot be cancelled")
                #expect(try await scene.run("logs", "build-none-v1-0-0").status == 1)
            }
        }

        @Test("flags win over the environment, and the environment over the file")
        func precedence() async throws {
            try await Scene.play { scene in
                let file = "\(scene.directory)/settings.yaml"
                try Scene.write("initialVersion: v3.0.0\ntagFilter: \"^v\"\n", to: file)
                #expect(try await scene.run("next", "app-example", "--config", file).output == "v3.0.0\n")
                let overFile = try await scene.run(
                    "next", "app-example", "--config", file, changing: ["INITIAL_VERSION": "v4.0.0"])
                #expect(overFile.output == "v4.0.0\n")
                let overAll = try await scene.run(
                    "next", "app-example", "--config", file, "--initial-version", "v5.0.0",
                    changing: ["INITIAL_VERSION": "v4.0.0"])
                #expect(overAll.output == "v5.0.0\n")
            }
        }
    }
}
