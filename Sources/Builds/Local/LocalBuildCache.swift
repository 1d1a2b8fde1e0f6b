internal import FoundationEssentials
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// What the directory of builds holds, for those who look on: a build is read again only when its directory has changed.
///
/// Every file of a build is replaced by renaming or made anew, which its directory tells. No version is chosen from it. Whether an
/// idempotency key has a build is: a key stays the same for as long as the directory is the same.
final class LocalBuildCache: Sendable {
    /// Everything, as of one moment.
    struct Content: Sendable {
        /// The builds that hold their names.
        fileprivate(set) var builds: [Build] = []
        /// Those that hold them no more.
        fileprivate(set) var ended: [Build] = []
        /// Those that hold them and cannot be read any more, as they were last.
        fileprivate(set) var damaged: [Build] = []
        /// Why a build that holds its name cannot be read.
        fileprivate(set) var damage: (any Error)?
        /// Another number where anything is not as it was.
        fileprivate(set) var generation = 0

        /// The builds that have ended and whose caller is still to be told.
        var owed: [Build] { (builds + ended).filter { $0.status.isFinal && $0.owesCallback } }

        /// The builds that hold their names, all of them.
        func whole() throws -> [Build] {
            if let damage { throw damage }
            return builds
        }
    }

    /// Tells a directory from itself at another time.
    struct Stamp: Equatable {
        /// A directory that changed this recently may change again without looking any different.
        static let unrest: Int64 = 2_000_000_000

        var device: UInt64
        var inode: UInt64
        /// In nanoseconds since 1970.
        var changedAt: Int64
        var modifiedAt: Int64

        /// `nil` if there is no such directory.
        init?(_ directory: FilePath) {
            var found = stat()
            guard stat(directory.string, &found) == 0 else { return nil }
            device = UInt64(found.st_dev)
            inode = UInt64(found.st_ino)
            changedAt = Int64(found.st_ctim.tv_sec) * 1_000_000_000 + Int64(found.st_ctim.tv_nsec)
            modifiedAt = Int64(found.st_mtim.tv_sec) * 1_000_000_000 + Int64(found.st_mtim.tv_nsec)
        }

        /// Whether whatever changes from `now` on shows.
        func isSettled(at now: Int64) -> Bool { max(changedAt, modifiedAt) < now - Self.unrest }
    }

    private struct Entry {
        /// `nil` if the build has to be read again.
        var stamp: Stamp?
        var build: Build
    }

    private struct State {
        var entries: [FilePath: Entry] = [:]
        var content = Content()
        var readAt: ContinuousClock.Instant?
        var reads = 0
    }

    private let store: LocalBuildStore
    private let state = Mutex(State())

    init(_ store: LocalBuildStore) {
        self.store = store
    }

    /// How often a build was read.
    var reads: Int { state.withLock(\.reads) }

    /// What there is, or was at most `age` ago.
    func content(upTo age: Duration = .zero) throws -> Content {
        let clock = ContinuousClock()
        return try state.withLock { state in
            if let readAt = state.readAt, readAt.duration(to: clock.now) < age { return state.content }
            let readAt = clock.now
            try look(&state)
            state.readAt = readAt
            return state.content
        }
    }

    private func look(_ state: inout State) throws {
        let holding = try store.ids().map(store.directory)
        let ended = try store.endedDirectories()
        var entries: [FilePath: Entry] = [:]
        entries.reserveCapacity(holding.count + ended.count)
        var content = Content(generation: state.content.generation)
        var isSame = true
        func read(_ directory: FilePath) throws -> Build? {
            let known = state.entries[directory]
            // Taken before the files are read: what changes meanwhile is read again.
            let now = Self.now
            guard let stamp = Stamp(directory) else { return nil }
            if let known, known.stamp == stamp {
                entries[directory] = known
                return known.build
            }
            state.reads += 1
            guard let build = try store.read(directory) else { return nil }
            entries[directory] = Entry(stamp: stamp.isSettled(at: now) ? stamp : nil, build: build)
            if known?.build != build { isSame = false }
            return build
        }
        for directory in holding {
            do {
                if let build = try read(directory) { content.builds.append(build) }
            } catch {
                content.damage = content.damage ?? error
                guard let known = state.entries[directory]?.build else { continue }
                entries[directory] = Entry(stamp: nil, build: known)
                content.damaged.append(known)
            }
        }
        for directory in ended {
            if let build = try? read(directory) { content.ended.append(build) }
        }
        if !isSame || entries.count != state.entries.count
            || (content.damage == nil) != (state.content.damage == nil)
        {
            content.generation += 1
        }
        state.entries = entries
        state.content = content
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
