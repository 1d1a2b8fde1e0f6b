internal import FoundationEssentials
internal import SystemPackage

extension LocalBuildStore {
    /// Named after the attempt: by the time it is written, the name may belong to the next one.
    static func callbackFile(of build: Build) -> String { "callback-\(attempt(build))" }

    /// The right to call back, or `nil` while another process has it.
    func callbacksLock() throws -> FileLock? {
        try prepare()
        return try FileLock(root.appending("slots").appending("callbacks"))
    }

    /// Writes down what has come of a callback; does nothing where the build is gone.
    func record(_ callback: Callback, of build: Build) throws {
        var damage: (any Error)?
        do {
            let directory = directory(of: build.id)
            if try read(directory)?.callbackID == build.callbackID {
                return try replace(Self.callbackFile(of: build), in: directory, with: callback)
            }
        } catch {
            // It may be another attempt that cannot be read.
            damage = error
        }
        for directory in try endedDirectories() where directory.lastComponent?.string.hasPrefix("\(build.id)~") == true
        {
            guard (try? read(directory))?.callbackID == build.callbackID else { continue }
            return try replace(Self.callbackFile(of: build), in: directory, with: callback)
        }
        if let damage { throw damage }
    }

    /// The directories of builds that hold their names no more.
    func endedDirectories() throws -> [FilePath] {
        guard FileManager.default.fileExists(atPath: ended.string) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: ended.string).map { ended.appending($0) }
    }
}

extension Build {
    /// Whether somebody is still to be told of it.
    var owesCallback: Bool { callback?.status.isFinal == false }
}
