import ArgumentParser
import Builds
import FoundationEssentials
import RegistryQueryAPI
import SemanticVersions

struct BuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Reserve the next version of a webapp and have it built and pushed.",
        discussion: """
            Ends as soon as the version is reserved; with --wait, when the build has ended: 0 if the registry serves the tag, 1 if \
            not. The build goes on if this command is stopped.

            Examples:
              registry-query build app-example --wait
              registry-query build app-example --bump minor --git-ref refs/heads/release --wait
              registry-query build app-example --version v2.0.0 --output json
            """)

    @Argument(help: "The webapp, e.g. app-example.") var webapp: String
    @OptionGroup var choice: VersionArguments
    @Option(
        name: .customLong("version"),
        help: ArgumentHelp("Exactly this version instead of the next one.", valueName: "version"))
    var explicitVersion: String?
    @Option(help: ArgumentHelp("Git repository, instead of GIT_REPO_URL.", valueName: "url")) var gitUrl: String?
    @Option(help: ArgumentHelp("Branch, tag or full reference, instead of GIT_BRANCH.", valueName: "ref")) var gitRef:
        String?
    @Option(help: ArgumentHelp("Full commit id to build.", valueName: "id")) var gitCommit: String?
    @Option(
        help: ArgumentHelp(
            "Directory with the Dockerfile; default the one named after the webapp, . is the root.",
            valueName: "directory"))
    var gitSubdirectory: String?
    @Option(help: ArgumentHelp("Platform such as linux/arm64; may be repeated.", valueName: "platform")) var platform:
        [String] = []
    @Option(help: ArgumentHelp("The same key answers with the same build, however often it is sent.", valueName: "key"))
    var idempotencyKey: String?
    @Flag(help: "Show progress, and wait for the end.") var wait = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let request = try request()
        try await common.withComposition { composition in
            let build: Build
            switch try await composition.builds.start(request) {
            case .started(let started), .existing(let started): build = started
            case .releaseNotNeeded(let current):
                let document = JSONDocument(releaseNotNeededOf: request.webapp, current: current)
                switch common.output {
                case .json: try FileHandleOutput.standardOutput.write(document.text + "\n")
                case .text:
                    try FileHandleOutput.standardError.write("no commit asks for a release; nothing was built\n")
                }
                return
            }
            guard wait else {
                try show(build)
                return
            }
            let ended = try await follow(build, composition)
            try show(ended)
            guard ended.status == .succeeded else { throw ExitCode.failure }
        }
    }

    /// Shows progress until the build has ended.
    ///
    /// Whoever has no service running has nobody else to look after local builds meanwhile.
    private func follow(_ build: Build, _ composition: Composition) async throws -> Build {
        let caretaker = Task { await composition.builds.run(as: .observer) }
        defer { caretaker.cancel() }
        let progress = BuildProgress(output: .standardError, started: build.createdAt)
        var last = build
        for try await state in composition.builds.changes(of: build.id) {
            last = state
            try progress.show(state)
        }
        try progress.end()
        return last
    }

    private func show(_ build: Build) throws {
        switch common.output {
        case .json: try FileHandleOutput.standardOutput.write(JSONDocument(build).text + "\n")
        case .text: try FileHandleOutput.standardOutput.write(Present.build(build))
        }
    }

    private func request() throws -> BuildRequest {
        let selection: BuildRequest.Selection
        if let explicitVersion {
            guard choice.bump == nil, choice.commitsFrom == nil, choice.range == nil, choice.prereleaseId == nil else {
                throw InvalidInput(field: "--version", "excludes --bump, --prerelease-id, --range and --commits-from")
            }
            guard let version = VersionTag(explicitVersion) else {
                throw InvalidInput(field: "--version", "\(explicitVersion) is no semantic version such as v1.2.3")
            }
            selection = .version(version)
        } else {
            selection = try choice.selection()
        }
        if let key = idempotencyKey {
            guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw InvalidInput(field: "--idempotency-key", "give 1 to 255 visible ASCII characters")
            }
        }
        return BuildRequest(
            webapp: try WebappName(webapp), selection: selection,
            gitURL: try gitUrl.map { try GitSource.validatedURL($0) },
            gitRef: try gitRef.map { try GitSource.validatedRef($0) },
            gitCommit: try gitCommit.map { try GitSource.validatedCommit($0) },
            gitSubdirectory: try gitSubdirectory.map { try GitSource.validatedSubdirectory($0) },
            platforms: try platform.map { try Platform($0) }, idempotencyKey: idempotencyKey)
    }
}
