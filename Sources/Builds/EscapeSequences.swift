extension String {
    /// The text without the colours and cursor movements that build steps write for terminals.
    ///
    /// Spec: ECMA-48 section 5.4, control sequences that begin with ESC and `[`.
    var withoutEscapeSequences: String { replacing(#/\u{1b}\[[0-9;?]*[A-Za-z]/#, with: "") }
}
