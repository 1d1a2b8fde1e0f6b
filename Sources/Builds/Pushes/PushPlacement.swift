public import SemanticVersions

/// What has to become of the builds of a push so that it has one, and that one its place among those of other pushes.
///
/// Deliveries that arrive at the same time do not see each other's builds before they start their own. Each of them looks
/// again after that: of any two at least one sees the other's build, and both come to the same answer.
public enum PushPlacement: Sendable, Equatable {
    /// The push has no build that is known and was not cancelled.
    case unknown
    /// Its build may still be given up, so that it is too early to say.
    case undecided
    /// This is its build, once the others are cancelled: more of its own, and higher ones of earlier pushes.
    case placed(Build, cancelling: [Build])
    /// A later push has no higher version, so these of its own are to be cancelled.
    case overtaken(Build, cancelling: [Build])
    /// It has to be built again above this version of an earlier push, whose build cannot be stopped.
    case below(VersionTag)
}

extension Push {
    /// Compares the builds of the push with those of others.
    /// - Parameters:
    ///   - builds: All that are known of the webapp, listed after the push's own was created.
    ///   - floor: A version of an earlier push that nothing can be done about, if one is known that is not listed.
    public func placement(of webapp: WebappName, among builds: [Build], above floor: VersionTag?) -> PushPlacement {
        let builds = builds.filter { $0.webapp == webapp }
        let all = builds.filter(owns)
        let mine = all.filter { $0.status != .cancelled }
        let others = builds.filter { !owns($0) && $0.status != .cancelled }
        let later = others.filter { isBefore(PushKey($0.idempotencyKey)) }.max { $0.version < $1.version }
        if let later {
            let higher = mine.filter { $0.version > later.version }
            if mine.isEmpty || !higher.isEmpty { return .overtaken(later, cancelling: higher) }
        }
        let earlier = others.filter { isAfter(PushKey($0.idempotencyKey)) }
        // A later push sees to its own place above the earlier ones.
        let floor =
            later == nil ? (earlier.filter(\.isUnstoppable).map(\.version) + [floor].compactMap(\.self)).max() : nil
        let reachable = mine.filter { build in floor.map { build.version > $0 } ?? true }
        guard let kept = reachable.min(by: { $0.version < $1.version }) else {
            guard let floor, let highest = all.map(\.version).max(), highest < floor else { return .unknown }
            return .below(floor)
        }
        guard !kept.isHeldBack else { return .undecided }
        return .placed(
            kept,
            cancelling: mine.filter { $0.id != kept.id && !$0.status.isFinal }
                + earlier.filter { !$0.isUnstoppable && $0.version > kept.version })
    }
}

extension Build {
    /// Whether its version is out of reach of a cancellation.
    fileprivate var isUnstoppable: Bool { status.isFinal || phase == .pushing || phase == .verifying }
}
