internal import FoundationEssentials
internal import Glibc
internal import OCIDistribution
internal import SystemPackage

/// The directory in which local builds live: the only state there is, shared by any number of processes.
///
/// ```
/// builds/ID/plan.json      what was promised; the directory appears with it, or not at all
/// builds/ID/status.json    how far it has come
/// builds/ID/log            output; its lock is held by the worker and by every process that works on the build
/// builds/ID/cancel-TIME    somebody wants the attempt of that time stopped
/// builds/ID/callback-TIME  what has come of calling back whoever asked for that attempt
/// ended/ID~MILLISECONDS    a cancelled build, which no longer holds its name
/// slots/N                  whoever holds its lock may run a build
/// slots/callbacks          whoever holds its lock may call back
/// slots/key-HH             whoever holds its lock may reserve builds with idempotency keys of that hash
/// work/                    directories on their way in and out
/// ```
struct LocalBuildStore: Sendable {
    let root: FilePath
    let builds: FilePath
    let ended: FilePath
    private let work: FilePath

    init(root: FilePath) {
        self.root = root
        builds = root.appending("builds")
        ended = root.appending("ended")
        work = root.appending("work")
    }

    func directory(of id: BuildID) -> FilePath { builds.appending(id.description) }
    func log(of id: BuildID) -> FilePath { directory(of: id).appending("log") }

    /// Makes the directories, for nobody but the user.
    func prepare() throws {
        for directory in [root, builds, ended, work, root.appending("slots")] {
            do {
                try FileManager.default.createDirectory(
                    atPath: directory.string, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw BuildsError(
                    .builderUnavailable,
                    "cannot make the directory \(directory) for local builds: \(error); check STATE_DIR")
            }
        }
    }

    // MARK: Reserving

    /// Gives the plan's name to its build, unless it is taken.
    ///
    /// The directory is filled first and then renamed. Renaming onto a directory that is not empty fails, so of any number of processes
    /// exactly one succeeds, and nobody ever sees half a plan.
    /// - Returns: Whether the name was free.
    func reserve(_ plan: BuildPlan) throws -> Bool {
        try prepare()
        let draft = work.appending("\(plan.id)~\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            atPath: draft.string, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        try write(Self.encoder.encode(StoredPlan(plan)), to: draft.appending("plan.json"))
        if rename(draft.string, directory(of: plan.id).string) == 0 {
            try synchronise(builds)
            return true
        }
        let reason = errno
        try? FileManager.default.removeItem(atPath: draft.string)
        guard reason == ENOTEMPTY || reason == EEXIST else {
            throw BuildsError(
                .builderUnavailable,
                "cannot reserve \(plan.id) in \(builds): \(Errno(rawValue: reason)); check STATE_DIR")
        }
        return false
    }

    // MARK: Reading

    /// The ids of the builds that hold their names.
    func ids() throws -> [BuildID] {
        guard FileManager.default.fileExists(atPath: builds.string) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: builds.string).sorted().compactMap {
            try? BuildID($0)
        }
    }

    /// A build by its name, or the last one that had it.
    func build(_ id: BuildID) throws -> Build? {
        if let build = try read(directory(of: id)) { return build }
        guard let directory = try lastEnded(id) else { return nil }
        return try read(directory)
    }

    /// All builds that hold their names.
    func all() throws -> [Build] {
        try ids().compactMap { id in try read(directory(of: id)) }
    }

    /// The log of a build by its name, or of the last one that had it.
    func existingLog(of id: BuildID) throws -> FilePath? {
        if FileManager.default.fileExists(atPath: directory(of: id).string) { return log(of: id) }
        return try lastEnded(id)?.appending("log")
    }

    private func lastEnded(_ id: BuildID) throws -> FilePath? {
        guard FileManager.default.fileExists(atPath: ended.string) else { return nil }
        return try FileManager.default.contentsOfDirectory(atPath: ended.string)
            .filter { $0.hasPrefix("\(id)~") }
            .max()
            .map { ended.appending($0) }
    }

    /// `nil` if the directory is gone, also when it goes while it is read.
    func read(_ directory: FilePath) throws -> Build? {
        let path = directory.string
        do {
            let plan = try Self.decoder.decode(StoredPlan.self, from: contents("\(path)/plan.json")).plan()
            var build = plan.queued(message: "waiting for a free place to build")
            let status = "\(path)/status.json"
            if FileManager.default.fileExists(atPath: status) {
                try Self.decoder.decode(StoredStatus.self, from: contents(status)).apply(to: &build)
            }
            if build.callback != nil {
                let callback = "\(path)/\(Self.callbackFile(of: build))"
                if FileManager.default.fileExists(atPath: callback) {
                    build.callback = try Self.decoder.decode(Callback.self, from: contents(callback))
                }
            }
            return build
        } catch {
            if !FileManager.default.fileExists(atPath: path) { return nil }
            throw BuildsError(
                .builderUnavailable,
                "cannot read the local build in \(directory): \(error); repair or remove that directory")
        }
    }

    private func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

    // MARK: Changing

    /// Replaces what is known of a build.
    ///
    /// Only for the holder of its lock.
    func update(_ build: Build) throws {
        let directory = directory(of: build.id)
        try replace("status.json", in: directory, with: StoredStatus(build))
    }

    /// Takes the right to work on a build, or answers `nil` while anybody else has it, or if there is none.
    func lock(_ id: BuildID) throws -> FileLock? {
        do {
            guard let lock = try FileLock(log(of: id)) else { return nil }
            // Between opening and locking the build may have been cancelled, and the name given to another one.
            guard lock.isStill(at: log(of: id)) else { return nil }
            return lock
        } catch Errno.noSuchFileOrDirectory {
            return nil
        }
    }

    /// Asks whoever works on a build to stop.
    func requestCancellation(of build: Build) throws {
        try write(Data(), to: cancellation(of: build))
    }

    func isCancellationRequested(of build: Build) -> Bool {
        FileManager.default.fileExists(atPath: cancellation(of: build).string)
    }

    /// The request is for one attempt: by the time it is written, the name may belong to the next one.
    private func cancellation(of build: Build) -> FilePath {
        directory(of: build.id).appending("cancel-\(Self.attempt(build))")
    }

    /// Tells one attempt from another of the same name.
    static func attempt(_ build: Build) -> Int64 { Int64((build.createdAt.timeIntervalSince1970 * 1000).rounded()) }

    /// Ends a build as cancelled and frees its name.
    ///
    /// Only for the holder of its lock.
    func release(_ build: Build) throws {
        try update(build)
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let target = ended.appending("\(build.id)~\(now)")
        guard rename(directory(of: build.id).string, target.string) == 0 else { throw Errno(rawValue: errno) }
        try synchronise(builds)
    }

    /// Removes builds that ended before `date`, and drafts that were left behind by then.
    ///
    /// A finished build frees its name with that. One whose caller is still to be told stays.
    /// - Returns: Why builds that hold no name cannot be read; they are removed when they are old.
    func removeBuilds(endedBefore date: Date) throws -> [(build: String, error: any Error)] {
        for id in try ids() {
            guard let build = try read(directory(of: id)), build.status.isFinal, let end = build.finishedAt, end < date,
                !build.owesCallback, let lock = try lock(id)
            else { continue }
            remove(directory(of: id))
            _ = consume lock
        }
        var damages: [(build: String, error: any Error)] = []
        for directory in try entries(of: ended) {
            do {
                guard try read(directory)?.owesCallback != true else { continue }
            } catch {
                damages.append((String(directory.lastComponent?.string.prefix { $0 != "~" } ?? ""), error))
            }
            if isUnchanged(directory, since: date) { remove(directory) }
        }
        for draft in try entries(of: work) where isUnchanged(draft, since: date) {
            try? FileManager.default.removeItem(atPath: draft.string)
        }
        return damages
    }

    /// Removes the directory of a build so that nobody ever reads a part of it; what is left of it is a draft.
    private func remove(_ directory: FilePath) {
        let target = work.appending("\(directory.lastComponent?.string ?? "")~\(UUID().uuidString)")
        guard rename(directory.string, target.string) == 0 else { return }
        try? FileManager.default.removeItem(atPath: target.string)
    }

    private func entries(of directory: FilePath) throws -> [FilePath] {
        try FileManager.default.contentsOfDirectory(atPath: directory.string).map { directory.appending($0) }
    }

    private func isUnchanged(_ path: FilePath, since date: Date) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path.string)
        return (attributes?[.modificationDate] as? Date).map { $0 < date } ?? false
    }

    /// Takes the right to run one build, of as many as there are places; `nil` if all are taken.
    func slot(of places: Int) throws -> FileLock? {
        for place in 0..<places {
            if let lock = try FileLock(root.appending("slots").appending("\(place)")) { return lock }
        }
        return nil
    }

    /// Takes the right to reserve builds with this idempotency key, and some others, or answers `nil` while anybody else has it.
    func reserving(withKey key: String) throws -> FileLock? {
        try FileLock(root.appending("slots").appending("key-\(Digest.sha256(of: Array(key.utf8)).hex.prefix(2))"))
    }

    /// The lock of the one process that may move tags; `nil` if others have it for longer than `longest`.
    func movingTagsLock(within longest: Duration) async throws -> FileLock? {
        let age = ContinuousClock().stopwatch()
        while true {
            if let lock = try FileLock(root.appending("slots").appending("moving-tags")) { return lock }
            guard age() < longest else { return nil }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// A directory for one build's sources, which its user removes.
    func makeWorkDirectory(for id: BuildID) throws -> FilePath {
        let directory = work.appending("\(id)~\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            atPath: directory.string, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        return directory
    }

    // MARK: Files

    /// Replaces a file as a whole.
    func replace(_ name: String, in directory: FilePath, with content: some Encodable) throws {
        let draft = directory.appending("\(name).new")
        try write(Self.encoder.encode(content), to: draft)
        guard rename(draft.string, directory.appending(name).string) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Writes a file so that it survives a crash of the machine.
    private func write(_ data: Data, to path: FilePath) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        try file.closeAfter {
            _ = try file.writeAll(data)
            guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        }
    }

    /// Makes what was renamed in a directory survive a crash of the machine.
    private func synchronise(_ directory: FilePath) throws {
        let file = try FileDescriptor.open(directory, .readOnly, options: [.directory, .closeOnExec])
        try file.closeAfter {
            guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        }
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .millisecondsSince1970
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return encoder
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .millisecondsSince1970
        return decoder
    }
}
