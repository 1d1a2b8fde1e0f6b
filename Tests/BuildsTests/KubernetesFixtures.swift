import FoundationEssentials
import KubernetesClient
import OCIDistribution
import SemanticVersions

@testable import Builds

/// What a real API server answered; see the tests of the Kubernetes client.
enum KubernetesFixtures {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "KubernetesClientTests/Fixtures")

    /// The recordings whose names begin like this.
    static func names(_ prefix: String) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }

    /// The document that was answered.
    static func body(_ name: String) throws -> JSONValue {
        let bytes = [UInt8](try Data(contentsOf: folder.appending(path: "\(name).json")))
        return try JSONValue(json: bytes)["response"]?["body"] ?? .null
    }

    static func job(_ name: String) throws -> Job { try decode(try body(name)) }

    static func pods(_ name: String) throws -> [Pod] {
        let body = try body(name)
        return try (body["items"]?.array ?? [body]).map { try decode($0) }
    }

    /// The text of a recorded log.
    static func log(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: "\(name).txt"), encoding: .utf8)
    }

    static func decode<Object: KubernetesObject>(_ document: JSONValue) throws -> Object {
        try JSONDecoder().decode(Object.self, from: Data(document.json()))
    }
}

/// The names of the recorded images.
let kubernetesNaming: ImageNaming = {
    do {
        return try ImageNaming(registry: RegistryHost("registry.example:5115"), prefix: "webapp")
    } catch {
        preconditionFailure("the naming of the tests is no naming: \(error)")
    }
}()

/// The version of a first build.
let kubernetesInitial: VersionTag = {
    guard let version = VersionTag("v1.0.0") else { preconditionFailure("v1.0.0 is a version") }
    return version
}()

/// A plan as the service makes it.
func kubernetesPlan(
    _ version: String = "v1.2.3", webapp: String = "app-example", commit: String? = nil,
    subdirectory: String = "apps/app-example"
) throws -> BuildPlan {
    let webapp = try WebappName(webapp)
    guard let tag = VersionTag(version) else { throw InvalidInput(field: "version", version) }
    return BuildPlan(
        webapp: webapp, version: tag, image: try kubernetesNaming.image(of: webapp, tag: version),
        git: GitSource(
            url: "https://git.example/webapps.git", ref: "main", commit: commit, subdirectory: subdirectory),
        createdAt: Date(timeIntervalSince1970: 1_795_339_355.125))
}
