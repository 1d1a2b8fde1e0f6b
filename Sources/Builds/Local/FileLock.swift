internal import Glibc
internal import SystemPackage

/// An exclusive lock on a file, held by an open file description.
///
/// Processes that inherit the description hold the lock, too: it is free only once the last of them has closed it or ended. The kernel
/// sees to that, so no lock is left behind by a process that was killed, and no process id can be mistaken for another one.
///
/// Spec: flock(2).
struct FileLock: ~Copyable {
    /// What is locked, open for appending.
    let file: FileDescriptor

    /// Takes the lock at once, or answers `nil` if somebody else holds it.
    ///
    /// The file is made where it does not exist.
    init?(_ path: FilePath) throws {
        let file = try FileDescriptor.open(
            path, .readWrite, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            try? file.close()
            return nil
        }
        self.file = file
    }

    /// Whether the path leads to the very file that is locked.
    borrowing func isStill(at path: FilePath) -> Bool {
        var locked = stat()
        var found = stat()
        return fstat(file.rawValue, &locked) == 0 && stat(path.string, &found) == 0
            && locked.st_ino == found.st_ino && locked.st_dev == found.st_dev
    }

    deinit {
        try? file.close()
    }
}
