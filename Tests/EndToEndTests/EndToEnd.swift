import Testing

/// The program as it is, against Debian's registry, git and buildah.
///
/// One after the other: each of them starts several servers.
@Suite("End to end", .serialized, .timeLimit(.minutes(10)))
enum EndToEnd {}
