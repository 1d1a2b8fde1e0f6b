public import Builds
public import FoundationEssentials
import SemanticVersions

extension JSONDocument {
    /// The webapps that are known.
    public init(_ answer: WebappsAnswer) {
        value = [
            "webapps": .texts(answer.webapps),
            "source": .string(answer.source.rawValue),
            "message": .text(answer.message),
        ]
    }

    /// A webapp at a glance.
    public init(_ overview: WebappOverview, usualDuration: Duration?) {
        value = [
            "webapp": .text(overview.webapp),
            "repository": .text(overview.repository),
            "latest": .text(overview.latest),
            "digest": .text(overview.digest),
            "createdAt": .time(overview.createdAt),
            "size": overview.size.map { .integer($0) } ?? .null,
            "count": .integer(overview.count),
            "next": [
                "patch": .text(overview.next[.patch]), "minor": .text(overview.next[.minor]),
                "major": .text(overview.next[.major]),
            ],
            "inFlight": .texts(overview.inFlight),
            "usualDurationSeconds": .seconds(usualDuration),
        ]
    }

    /// The versions of a webapp, highest first, and its builds that have ended, newest first.
    public init(historyOf webapp: WebappName, since: Date, versions: [ServedVersion], builds: [Build]) {
        value = [
            "webapp": .text(webapp),
            "since": .time(since),
            "versions": .array(
                versions.map { version in
                    [
                        "tag": .text(version.tag), "createdAt": .time(version.createdAt),
                        "digest": .text(version.digest),
                    ]
                }),
            "builds": .array(
                builds.map { build in
                    [
                        "id": .text(build.id), "tag": .text(build.version), "status": .string(build.status.rawValue),
                        "createdAt": .time(build.createdAt), "finishedAt": .time(build.finishedAt),
                        "durationSeconds": .seconds(build.duration(now: Date())),
                    ]
                }),
        ]
    }

    /// Who asks, and what that caller may do.
    init(_ caller: Caller?) {
        let scopes = AccessScope.allCases.filter { caller?.scopes.contains($0) ?? true }
        value = ["name": .text(caller?.name), "scopes": .texts(scopes.map(\.rawValue))]
    }
}
