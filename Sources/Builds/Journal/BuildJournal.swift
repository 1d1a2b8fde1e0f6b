internal import FoundationEssentials

/// What happens to builds, made out of how they are from one look to the next: each event once.
///
/// Of what had happened before the first look only is told which builds there are: that is the base.
struct BuildJournal {
    /// A build at one moment.
    struct Observation: Sendable {
        var build: Build
        /// Whether nothing more will be found out about how it ended.
        var isSettled = true
    }

    /// Something that has happened.
    enum Event: Equatable {
        /// A build is there, also one that had ended before the first look.
        case appeared(Build)
        /// Work on it has begun.
        case started(Build)
        /// It has come to a phase.
        case entered(Build, Build.Phase)
        /// It has ended.
        case ended(Build)
    }

    /// One attempt: a name may be given again.
    private struct Key: Hashable {
        var id: BuildID
        var createdAt: Date

        init(_ build: Build) { (id, createdAt) = (build.id, build.createdAt) }
    }

    fileprivate struct Entry {
        var build: Build
        var hasStarted = false
        var phases: Set<Build.Phase> = []
        var hasEnded = false
    }

    private var entries: [Key: Entry]?

    /// Whether the first look was taken.
    var hasBase: Bool { entries != nil }

    /// The builds that have not ended, as they were last.
    var open: [Build] { entries?.values.filter { !$0.hasEnded }.map(\.build) ?? [] }

    /// Takes in all builds that there are.
    /// - Returns: What has happened since the last look, in order for each build.
    mutating func observe(_ observations: [Observation], at now: Date) -> [Event] {
        let isBase = entries == nil
        var known = entries ?? [:]
        var current: [Key: Entry] = [:]
        var events: [Event] = []
        for observation in observations {
            let build = observation.build
            let key = Key(build)
            // What is held back was promised to nobody; it may be taken back.
            let isOver = build.status.isFinal && observation.isSettled && !build.isHeldBack
            var entry: Entry
            if let old = known.removeValue(forKey: key) {
                entry = old
                entry.build = build
            } else {
                entry = Entry(build: build)
                events.append(.appeared(build))
                if isBase { entry.skip(isOver: isOver) }
            }
            events += entry.advance(isOver: isOver)
            current[key] = entry
        }
        // Those that are left have vanished.
        for var entry in known.values where !entry.hasEnded && !entry.build.isHeldBack {
            if !entry.build.status.isFinal { entry.build = entry.build.vanished(at: now) }
            guard entry.build.status.isFinal else { continue }
            events += entry.advance(isOver: true)
        }
        entries = current
        return events
    }
}

extension BuildJournal.Entry {
    /// Passes over what has happened before the first look.
    fileprivate mutating func skip(isOver: Bool) {
        hasStarted = build.startedAt != nil
        phases = reached
        hasEnded = isOver
    }

    /// What has happened to it since.
    fileprivate mutating func advance(isOver: Bool) -> [BuildJournal.Event] {
        var events: [BuildJournal.Event] = []
        if !hasStarted, build.startedAt != nil {
            hasStarted = true
            events.append(.started(build))
        }
        let new = reached.subtracting(phases)
        phases.formUnion(new)
        events += Build.Phase.allCases.filter(new.contains).map { .entered(build, $0) }
        if !hasEnded, isOver {
            hasEnded = true
            events.append(.ended(build))
        }
        return events
    }

    private var reached: Set<Build.Phase> {
        Set(build.phaseStarts.keys).union([build.phase].compactMap(\.self))
    }
}

extension Build {
    /// The build that nobody has seen end, and that is gone.
    ///
    /// Nothing but a cancellation takes a name away from a build that works or waits. One that was being verified may have ended in any
    /// way, so it stays as it was.
    func vanished(at now: Date) -> Build {
        guard phase != .verifying else { return self }
        var build = cancelled()
        build.finishedAt = now
        return build
    }
}
