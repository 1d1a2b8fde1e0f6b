internal import FoundationEssentials
internal import HTTPTransport
internal import Logging
internal import OCIDistribution
internal import SemanticVersions
internal import SystemPackage

/// One build on this machine: clone, build, push, verify.
struct LocalBuildRun: ~Copyable {
    /// How long a registry that is in trouble is asked for a tag that was pushed.
    private static let patience: Duration = .seconds(120)

    private let worker: LocalWorker
    private let lock: FileLock
    private let commands: CommandRunner
    private let start = ContinuousClock().now
    private var build: Build

    /// - Parameter lock: The lock of the build; programs inherit it together with their output.
    init(worker: LocalWorker, build: Build, lock: consuming FileLock) {
        self.worker = worker
        self.build = build
        self.lock = lock
        self.commands = CommandRunner(environment: worker.environment)
    }

    /// Why a build has come to its end before the registry served the tag.
    private struct Failure: Error {
        var reason: String
    }

    /// Carries the build out and records how it ended.
    consuming func callAsFunction() async throws {
        build.startedAt = Date()
        let directory = try worker.store.makeWorkDirectory(for: build.id)
        defer { try? FileManager.default.removeItem(atPath: directory.string) }
        do {
            try await carryOut(in: directory)
        } catch let failure as Failure {
            build.fail(failure.reason)
        } catch is CancellationError {
            // Every program has ended by now, and the lock is still ours.
            try worker.store.settleCancellation(of: build.id, lock)
            return
        } catch {
            build.fail(redacted("\(error)", limit: 600))
        }
        try worker.store.update(build)
        worker.logger.info("build ended", metadata: ["build": "\(build.id)", "status": "\(build.status.rawValue)"])
    }

    private mutating func carryOut(in directory: FilePath) async throws {
        let context = directory.appending("context")
        try await clone(into: context, repository: directory.appending("repository"))
        guard let tag = build.image.tag else { throw Failure(reason: "the image has no tag") }
        if let digest = try await worker.registry.servedDigest(of: tag, in: build.image.repository) {
            throw Failure(
                reason: "\(build.image) appeared in the registry as \(digest) after the version was reserved; "
                    + "somebody pushes around the service, so nothing was pushed over it")
        }
        let pushed = try await makeImage(from: context, in: directory)
        try await verify(tag, pushed: pushed)
    }

    // MARK: Steps

    private mutating func clone(into context: FilePath, repository: FilePath) async throws {
        let source = build.git
        try enter(.cloning, "cloning \(source.url) at \(source.commit ?? source.ref)")
        for directory in [context, repository] {
            try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: false)
        }
        let isOperatorsOwn = !["https://", "http://", "ssh://"].contains(where: source.url.lowercased().hasPrefix)
        let environment = [
            // A caller's URL must not lead to this machine's files, nor a server's redirect.
            "GIT_ALLOW_PROTOCOL": isOperatorsOwn ? "https:http:ssh:file" : "https:http:ssh",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        ]
        try await git(["init", "--quiet", "."], in: repository, environment)
        try await git(["remote", "add", "--", "origin", source.url], in: repository, environment)
        try await git(
            [
                "fetch", "--quiet", "--depth", "1", "--no-tags", "--no-recurse-submodules", "--", "origin",
                source.commit ?? source.ref,
            ], in: repository, environment)
        build.git.commit = try await commit(of: repository, environment)
        try worker.store.update(build)
        // Writes exactly that subtree with dotfiles and symbolic links; a subdirectory that is a symbolic link is refused.
        try await git(
            ["read-tree", "--reset", "-u", "FETCH_HEAD:\(source.subdirectory)"], in: repository,
            environment.merging(["GIT_WORK_TREE": context.string, "GIT_DIR": repository.appending(".git").string]) {
                $1
            })
    }

    private mutating func makeImage(from context: FilePath, in directory: FilePath) async throws -> Digest? {
        guard let tool = ImageTool.detect(environment: worker.environment) else {
            throw Failure(reason: "none of buildah, docker and buildctl is in PATH; install buildah")
        }
        let job = try await imageJob(context: context, in: directory)
        let commands = tool.commands(for: job)
        do {
            for step in commands.steps {
                let message = step.phase == .pushing ? "pushing \(job.destination)" : "building with \(tool.rawValue)"
                try enter(step.phase, message)
                try await run(
                    tool.rawValue, step.arguments, in: directory, step.environment,
                    following: step.phase == .building ? tool : nil)
            }
        } catch {
            await cleanUp(tool, commands.cleanUp, in: directory)
            throw error
        }
        await cleanUp(tool, commands.cleanUp, in: directory)
        guard let text = try? String(contentsOf: URL(filePath: job.digestFile.string), encoding: .utf8) else {
            return nil
        }
        return try? Digest(String(text.prefix { !$0.isWhitespace }))
    }

    private func imageJob(context: FilePath, in directory: FilePath) async throws -> ImageTool.Job {
        let credentials = directory.appending("credentials")
        try FileManager.default.createDirectory(
            atPath: credentials.string, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let config = try await worker.credentials.authFile(
            addingCredentialsFor: worker.target.host, aliasOf: build.image.host)
        try Data(config).write(to: URL(filePath: credentials.appending("config.json").string))
        var certificates: FilePath?
        if let file = worker.target.certificateAuthorityFile {
            let directory = directory.appending("certificates")
            try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: false)
            try FileManager.default.copyItem(atPath: file, toPath: directory.appending("ca.crt").string)
            certificates = directory
        }
        return ImageTool.Job(
            destination: try ImageReference(
                host: worker.target.host, repository: build.image.repository, tag: build.image.tag),
            context: context, credentials: credentials, digestFile: directory.appending("digest"),
            platforms: build.platforms,
            labels: [
                ("org.opencontainers.image.version", build.version.tag),
                ("org.opencontainers.image.revision", build.git.commit ?? ""),
                ("org.opencontainers.image.source", build.git.url),
                ("org.opencontainers.image.created", Date().formatted(.iso8601)),
            ], usesPlainHTTP: worker.target.isPlainHTTP, certificates: certificates)
    }

    /// Asks the registry for the tag; only its answer makes the build a success.
    private mutating func verify(_ tag: Tag, pushed: Digest?) async throws {
        try enter(.verifying, "asking the registry for \(build.image)")
        guard let served = try await patientlyServedDigest(of: tag) else {
            throw Failure(
                reason: "the push of \(build.image) ended without an error, but the registry does not serve the tag")
        }
        if let pushed, pushed != served {
            throw Failure(
                reason: "the registry serves \(build.image) as \(served), but this build pushed \(pushed); "
                    + "somebody else pushes the same tag")
        }
        try await worker.succeed(&build, served)
    }

    /// The image is pushed: a registry that cannot answer right now does not make the build a failure.
    private func patientlyServedDigest(of tag: Tag) async throws -> Digest? {
        let clock = ContinuousClock()
        let begin = clock.now
        while true {
            do {
                return try await worker.registry.servedDigest(of: tag, in: build.image.repository)
            } catch let error as RegistryError where error.isTransient && begin.duration(to: clock.now) < Self.patience
            {
                try await clock.sleep(for: .seconds(2))
            }
        }
    }

    // MARK: Programs

    private mutating func git(_ arguments: [String], in directory: FilePath, _ environment: [String: String])
        async throws
    {
        try await run("git", arguments, in: directory, environment)
    }

    private func commit(of repository: FilePath, _ environment: [String: String]) async throws -> String {
        let path = repository.appending("commit")
        let output = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
        defer { try? output.close() }
        let ending = try await commands.run(
            "git", ["rev-parse", "--verify", "--end-of-options", "FETCH_HEAD^{commit}"], in: repository,
            environment: environment, longest: .seconds(30), output: output)
        let text = try String(contentsOf: URL(filePath: path.string), encoding: .utf8).prefix { !$0.isWhitespace }
        guard ending.isSuccess, let commit = try? GitSource.validatedCommit(String(text)) else {
            throw Failure(reason: "\(build.git.ref) of \(build.git.url) is no commit")
        }
        if let asked = build.git.commit, asked != commit {
            throw Failure(reason: "asked for commit \(asked), but the server sent \(commit)")
        }
        return commit
    }

    /// Runs one program as a step of the build; stops it when somebody cancels the build.
    /// - Parameter tool: Whose output tells how far the build is.
    private mutating func run(
        _ program: String, _ arguments: [String], in directory: FilePath, _ environment: [String: String],
        following tool: ImageTool? = nil
    ) async throws {
        let left = worker.longestBuild - start.duration(to: ContinuousClock().now)
        guard left > .zero else { throw overtime }
        let logStart = try lock.file.seek(offset: 0, from: .end)
        let commands = commands
        let output = lock.file
        let store = worker.store
        let build = build
        let follower = tool.map { tool in
            OutputFollower(store.log(of: build.id), from: logStart, of: tool, build) { try store.update($0) }
        }
        let ending = try await withThrowingTaskGroup(of: CommandRunner.Ending?.self) { group in
            group.addTask {
                try await commands.run(
                    program, arguments, in: directory, environment: environment, longest: left, output: output)
            }
            group.addTask {
                while !store.isCancellationRequested(of: build) { try await Task.sleep(for: .milliseconds(100)) }
                return nil
            }
            if let follower {
                group.addTask {
                    await follower.follow()
                    return nil
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let ending else { throw CancellationError() }
        follower?.look()
        self.build = follower?.build ?? build
        guard !ending.isSuccess else { return }
        // What timeout(1) exits with when the time was up.
        if ending == .exited(124) { throw overtime }
        let tail = LogTail(of: worker.store.log(of: build.id), from: logStart)
        throw Failure(reason: tail.sentence(program: program, step: arguments.first ?? "", ending: ending))
    }

    private var overtime: Failure {
        Failure(
            reason: "stopped after \(worker.longestBuild.components.seconds / 60) minutes while "
                + "\(build.phase?.rawValue ?? "starting"), the longest that a build may take")
    }

    /// Removes the image from this machine; nobody waits for it, and the result of the build does not depend on it.
    private func cleanUp(_ tool: ImageTool, _ steps: [ImageTool.Command], in directory: FilePath) async {
        guard let output = try? FileDescriptor.open("/dev/null", .writeOnly, options: [.closeOnExec]) else { return }
        defer { try? output.close() }
        for step in steps {
            _ = try? await commands.run(
                tool.rawValue, step.arguments, in: directory, environment: step.environment, longest: .seconds(60),
                output: output)
        }
    }

    private mutating func enter(_ phase: Build.Phase, _ message: String) throws {
        build.begin(phase, message)
        try worker.store.update(build)
        _ = try lock.file.writeAll("== \(message)\n".utf8)
    }
}
