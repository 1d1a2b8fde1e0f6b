import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("The health check")
    struct HealthcheckTests {
        @Test("it passes while the service answers, and fails with the reason once it does not")
        func lifeAndDeath() async throws {
            try await Scene.play { scene in
                let service = try await scene.service()
                let address = String(service.url.dropFirst("http://".count))
                let port = address.split(separator: ":")[1]
                // Neither a proxy nor a setting that went wrong since the start is the service's death.
                let settings = ["http_proxy": "http://127.0.0.1:1", "REGISTRY_CA_FILE": "/nowhere", "LISTEN": address]
                let well = try await Self.run {
                    try await scene.run("healthcheck", changing: settings)
                }
                #expect(well.status == 0 && well.output == "" && well.errors == "", "\(well)")
                let flag = try await Self.run {
                    try await scene.run("healthcheck", "--listen", "0.0.0.0:\(port)", changing: settings)
                }
                #expect(flag.status == 0, "\(flag)")

                let json = try await Self.run {
                    try await scene.run("healthcheck", "--output", "json", changing: settings)
                }
                #expect(json.status == 0 && json.output == "{\"status\":\"ok\"}\n", "\(json)")

                service.kill()
                let dead = try await scene.run("healthcheck", changing: settings)
                #expect(dead.status == 1 && dead.errors.contains("GET http://\(address)/healthz"), "\(dead)")
            }
        }

        @Test("something else at the address is not the service")
        func stranger() async throws {
            try await Scene.play { scene in
                let words = "which program has that port"
                let other = try await Self.run(until: { $0.errors.contains(words) }) {
                    try await scene.run("healthcheck", changing: ["LISTEN": scene.registry.authority])
                }
                #expect(other.status == 1 && other.errors.contains(words), "\(other)")
            }
        }

        /// Runs the command until it ends as it should, some times at most: it gives up after 3 s, and a busy machine may
        /// take longer.
        private static func run(
            until isRight: (Scene.Ending) -> Bool = { $0.status == 0 }, _ command: () async throws -> Scene.Ending
        ) async throws -> Scene.Ending {
            var ending = try await command()
            for _ in 0..<20 where !isRight(ending) { ending = try await command() }
            return ending
        }

        @Test("port 0 says nothing about where the service listens")
        func freePort() async throws {
            let unknown = try await Scene.run(["healthcheck"], settings: ["LISTEN": "127.0.0.1:0"])
            #expect(unknown.status == 64 && unknown.errors.contains("LISTEN=127.0.0.1:0"), "\(unknown)")
        }
    }
}
