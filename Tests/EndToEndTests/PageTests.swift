import FoundationEssentials
import KubernetesStandIn
import RegistryTesting
import Subprocess
import Synchronization
import SystemPackage
import Testing

extension EndToEnd {
    @Suite("The page")
    struct PageTests {
        private static let token = "page-token-0123456789abcdef0123456789"
        private static let readToken = "look-token-0123456789abcdef0123456789"
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        @Test("in a browser: everything that people do on it, and how it looks while they do")
        func browser() async throws {
            try await Scene.play { scene in
                for version in ["v1.2.2", "v1.2.3", "latest"] {
                    try scene.registry.add(.init(layer: version), to: "webapp/app-example", tags: [version])
                }
                let stage = PageStage(registry: scene.registry)
                let script = { @Sendable job in stage.script(of: job) }
                try await scene.inCluster(second: .milliseconds(150), script: script) { _, cluster in
                    let tokens = try scene.secret(
                        "tokens", "n8n:read,build:\(Self.token)\ngrafana:read:\(Self.readToken)\n")
                    // The same address after a restart, for a page asks where it came from.
                    let settings = cluster.merging([
                        "API_TOKENS_FILE": tokens, "LISTEN": "127.0.0.1:\(try LoopbackPort.free())",
                    ]) { $1 }
                    let control = "\(scene.directory)/control"
                    try FileManager.default.createDirectory(atPath: control, withIntermediateDirectories: true)
                    let service = try await scene.service(settings)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            try await Self.obey(control, scene, settings, stage, service)
                        }
                        try await Self.test(service.url, control: control, in: scene.directory)
                        group.cancelAll()
                    }
                }
            }
        }

        /// Runs the tests in the browser.
        private static func test(_ url: String, control: String, in directory: String) async throws {
            let result = try await run(
                .name("pytest"),
                arguments: [
                    "-q", "--maxfail=3", "--durations=8", "--color=no", "-p", "no:cacheprovider",
                    root.appending(path: "Tests/Browser").path,
                ],
                environment: .inherit.updating([
                    "HOME": directory, "TMPDIR": "\(directory)/tmp", "PYTHONDONTWRITEBYTECODE": "1",
                    "NO_PROXY": "*", "no_proxy": "*", "PAGE_URL": url, "PAGE_TOKEN": token,
                    "PAGE_READ_TOKEN": readToken, "PAGE_CONTROL": control,
                    "PAGE_SCREENSHOTS": root.appending(path: ".build-test-tools/screenshots").path,
                ]),
                workingDirectory: FilePath(directory), output: .string(limit: 4 << 20), error: .string(limit: 1 << 20))
            #expect(result.terminationStatus.isSuccess, "\(result.standardOutput) \(result.standardError)")
        }

        /// Does what the tests ask for by files: `N.order` has one line, and `N.done` says that it was done.
        private static func obey(
            _ control: String, _ scene: Scene, _ settings: [String: String], _ stage: PageStage,
            _ first: ServiceProcess
        ) async throws {
            var service: ServiceProcess? = first
            var next = 1
            while !Task.isCancelled {
                guard let data = FileManager.default.contents(atPath: "\(control)/\(next).order") else {
                    do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
                    continue
                }
                let words = String(decoding: data, as: UTF8.self).split(separator: " ").map(String.init)
                switch words.first {
                case "stop":
                    service?.kill()
                    service = nil
                case "start": service = try await scene.service(settings, name: "service-\(next)")
                case "open": stage.open(words.last ?? "")
                default: throw TestingError("there is no such order: \(words)")
                }
                try Scene.write("", to: "\(control)/\(next).done")
                next += 1
            }
            withExtendedLifetime(service) {}
        }
    }
}
