import FoundationEssentials
import KubernetesClient
import KubernetesStandIn
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("Builds in a cluster")
    struct ClusterTests {
        /// A cluster whose builds push to the scene's registry, and the settings with which the program builds in it.
        private static func play(
            _ settings: [String: String] = [:],
            _ body: (Scene, KubernetesStandIn, [String: String]) async throws -> Void
        ) async throws {
            try await Scene.play { scene in
                // Jobs outlive the Lease of a replica that was killed, as they do in earnest.
                try await scene.inCluster(second: .milliseconds(150)) { standIn, cluster in
                    try await body(scene, standIn, cluster.merging(settings) { $1 })
                }
            }
        }

        /// What the events of a build say, from the first to the last.
        private static func events(_ service: ServiceProcess, _ build: JSON) async throws -> [JSON] {
            let answer = try await service.get("/builds/\(build["id"]?.string ?? "")/events")
            #expect(answer.status == 200 && answer.headers["content-type"]?.hasPrefix("text/event-stream") == true)
            return try answer.body.split(separator: "\n").filter { $0.hasPrefix("data:") }
                .map { try JSON(parsing: String($0.dropFirst("data:".count))) }
        }

        @Test("any replica tells how a build goes on, and what one leaves when it is killed another finishes")
        func replicas() async throws {
            try await Self.play(["MOVING_TAGS": "latest,major,minor"]) { scene, standIn, settings in
                let first = try await scene.service(settings, name: "first")
                let second = try await scene.service(settings, name: "second")
                let build = try await first.startBuild()
                #expect(build["tag"] == "v1.0.0" && build["status"] == "queued", "\(build)")
                first.kill()
                let events = try await Self.events(second, build)
                let last = try #require(events.last)
                let ended = try await second.ended(build)
                let served = try await scene.servedDigest(of: "v1.0.0")
                #expect(last["status"] == "succeeded" && last["digest"] == ended["digest"])
                #expect(served != nil && last["digest"]?.string == served)
                let log = try await second.get("/builds/\(build["id"]?.string ?? "")/logs")
                #expect(log.body.contains("fetched commit") && log.body.contains("pushing layers"))
                // The Lease of the one that was killed runs out first.
                try await eventually("the moving tags follow", within: .seconds(120)) {
                    try await scene.servedDigest(of: "latest") == last["digest"]?.string
                }
                for tag in ["v1", "v1.0"] {
                    #expect(try await scene.servedDigest(of: tag) == last["digest"]?.string)
                }
                let next = try await second.startBuild()
                #expect(next["tag"] == "v1.0.1", "the moving tags are no versions")
                // Beside it somebody waits on the command line.
                let ending = try await scene.run(
                    "build", "app-example", "--bump", "minor", "--wait", changing: settings)
                #expect(ending.status == 0 && ending.output.contains("v1.1.0"), "\(ending)")
                try await eventually("latest is the highest", within: .seconds(120)) {
                    let highest = try await scene.servedDigest(of: "v1.1.0")
                    return try await scene.servedDigest(of: "latest") == highest
                }
                #expect(standIn.jobNames.count == 3)
                second.terminate()
                #expect(try await second.hasEnded(), "open watches do not hold the end up")
                try await standIn.waitUntil("no watch is left") { $0.watchCount == 0 }
            }
        }

        @Test("a cluster that refuses is an error with its own words, and nothing is reserved")
        func refusals() async throws {
            try await Self.play { scene, standIn, settings in
                let service = try await scene.service(settings)
                standIn.withSettings { $0.jobQuota = 0 }
                let quota = try await service.post("/builds", #"{"webapp": "app-example"}"#)
                #expect([502, 503].contains(quota.status), "\(quota)")
                #expect(quota["message"]?.string?.contains("exceeded quota") == true, "\(quota.body)")
                standIn.withSettings { stand in
                    stand.jobQuota = nil
                    stand.allowed = stand.allowed.filter { $0.description != "patch jobs.batch" }
                }
                let forbidden = try await service.post("/builds", #"{"webapp": "app-example"}"#)
                #expect([502, 503].contains(forbidden.status), "\(forbidden)")
                #expect(forbidden["message"]?.string?.contains("patch jobs.batch") == true, "\(forbidden.body)")
                try await standIn.waitUntil("nothing is left of it") { $0.jobNames.isEmpty && $0.podNames.isEmpty }
                standIn.withSettings { $0.allowed = Set(ResourceAccess.neededByClient) }
                #expect(try await service.startBuild()["tag"] == "v1.0.0")
            }
        }

        @Test("a template that breaks the contract stops the start with file, line and reason")
        func template() async throws {
            try await Self.play { scene, _, settings in
                let file = "\(scene.directory)/template.yaml"
                try Scene.write("apiVersion: batch/v1\nkind: CronJob\n", to: file)
                let ending = try await scene.run(
                    "serve", changing: settings.merging(["JOB_TEMPLATE": file]) { $1 })
                #expect(ending.status != 0)
                #expect(ending.errors.contains("\(file), line 2: kind must be Job"), "\(ending.errors)")
            }
        }
    }
}
