import FoundationEssentials
import RegistryTesting

/// A Git repository with one folder for each webapp.
struct GitRepository: Sendable {
    let path: String

    var url: String { "file://\(path)" }

    /// Makes a repository with the webapp `app-example`: a file, a dotfile, and a Dockerfile that copies both.
    init(at path: String) async throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await git("init", "-q", "-b", "main")
        try await commit([
            "app-example/Dockerfile": "FROM scratch\nCOPY . /www/\n",
            "app-example/index.html": "<h1>hello</h1>\n",
            "app-example/.well-known": "a dotfile\n",
        ])
    }

    /// Writes files and commits them; answers the commit's id.
    @discardableResult
    func commit(_ files: [String: String], message: String = "feat: change") async throws -> String {
        for (name, text) in files { try Scene.write(text, to: "\(path)/\(name)") }
        try await git("add", "--all")
        try await git(
            "-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false", "commit",
            "-q", "-m",
            message)
        return try await git("rev-parse", "HEAD").filter { $0 != "\n" }
    }

    @discardableResult
    private func git(_ arguments: String...) async throws -> String {
        try await command(["git", "-C", path] + arguments)
    }
}
