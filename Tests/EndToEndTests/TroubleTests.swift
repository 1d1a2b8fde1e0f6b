import Glibc
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("Trouble with the registry is said, and never becomes a version")
    struct TroubleTests {
        /// Asks everything that depends on the tags; all of it must be the same trouble.
        private func expectTrouble(
            _ scene: Scene, _ service: ServiceProcess, statuses: Set<Int>, saying words: [String]
        ) async throws {
            let answers = [
                try await service.get("/tags/app-example"), try await service.get("/next/app-example"),
                try await service.post("/builds", #"{"webapp": "app-example"}"#),
            ]
            for answer in answers {
                #expect(statuses.contains(answer.status), "\(answer.body)")
                #expect(answer["next"] == nil)
                #expect(answer["tag"] == nil)
                let message = answer["message"]?.string ?? ""
                for word in words { #expect(message.contains(word), "\(message)") }
                #expect(!answer.body.contains(Scene.password))
            }
            #expect(try await service.get("/builds")["builds"] == [])
            let next = try await scene.run("next", "app-example")
            #expect(next.status == 1)
            #expect(next.output == "")
            #expect(!service.log.contains(Scene.password))
        }

        @Test("credentials that the registry refuses")
        func badCredentials() async throws {
            try await Scene.play { scene in
                try scene.writeCredentials(password: "wrong")
                let service = try await scene.service()
                try await expectTrouble(scene, service, statuses: [502], saying: ["webapp/app-example", "401"])
            }
        }

        @Test("no registry at all")
        func registryDown() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                scene.registry.close()
                try await expectTrouble(
                    scene, service, statuses: [502, 503, 504], saying: ["webapp/app-example", scene.registry.authority])
            }
        }

        @Test("a registry that says nothing: there is an answer within 30 s all the same")
        func silence() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                scene.registry.signal(SIGSTOP)
                let start = ContinuousClock.now
                async let next = service.get("/next/app-example")
                async let tag = service.get("/tags/app-example/v1.0.0")
                async let build = service.post("/builds", #"{"webapp": "app-example"}"#)
                for answer in try await [next, tag, build] {
                    #expect(answer.status == 504, "\(answer.body)")
                    #expect(answer["next"] == nil)
                }
                // The service answers within 30 s; the rest is for curl, which may start and end late.
                #expect(ContinuousClock.now - start < .seconds(45))
                #expect(try await service.get("/builds")["builds"] == [])
            }
        }

        @Test("a web page where the registry should be")
        func webPage() async throws {
            try await Scene.play { scene in
                let page = try await PlayServer()
                defer { page.close() }
                let service = try await scene.service(["REGISTRY_ENDPOINT": page.url])
                let next = try await service.get("/next/app-example")
                #expect(next.status == 502, "\(next.body)")
                #expect(next["next"] == nil)
                #expect(next["message"]?.string?.contains("webapp/app-example") == true, "\(next.body)")
                #expect(next["message"]?.string?.contains("text/html") == true, "\(next.body)")
                #expect(try await service.post("/builds", #"{"webapp": "app-example"}"#).status == 502)
            }
        }

        @Test("a rotated password counts from the next request on, without a restart")
        func rotation() async throws {
            try await Scene.play { scene in
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["v1.0.0"])
                let service = try await scene.service(["TAGS_MAX_AGE": "0"])
                #expect(try await service.get("/tags/app-example").status == 200)
                try await scene.registry.setUsers([Scene.user: "a new one"])
                #expect(try await service.get("/tags/app-example").status == 502)
                try scene.writeCredentials(password: "a new one")
                #expect(try await service.get("/tags/app-example")["tags"] == ["v1.0.0"])
                let build = try await service.startBuild()
                #expect(try await service.ended(build)["status"] == "succeeded")
            }
        }

        @Test("a tag that only the registry knows is seen by a build at once, whatever was listed before")
        func buildsListAnew() async throws {
            try await Scene.play(["TAGS_MAX_AGE": "1h"]) { scene in
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["v1.0.0"])
                let service = try await scene.service()
                #expect(try await service.get("/next/app-example")["next"] == "v1.0.1")
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["v1.7.0"])
                #expect(try await service.get("/next/app-example")["next"] == "v1.0.1", "an old listing was allowed")
                #expect(
                    try await service.get("/next/app-example", headers: ["Cache-Control: no-cache"])["next"] == "v1.7.1"
                )
                #expect(try await service.startBuild()["tag"] == "v1.7.1")
            }
        }

        @Test("many callers at the same moment cost the registry one listing")
        func sharedListing() async throws {
            // Some of them may come late, and what was listed is still new then.
            try await Scene.play(["TAGS_MAX_AGE": "1h"]) { scene in
                try scene.registry.add(.init(), to: "webapp/app-example", tags: ["v1.0.0"])
                let service = try await scene.service()
                let answers = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<48 {
                        group.addTask {
                            try await service.get(number.isMultiple(of: 2) ? "/tags/app-example" : "/next/app-example")
                                .status
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers == Array(repeating: 200, count: 48))
                #expect(scene.listings(of: "app-example") == 1)
            }
        }
    }
}
