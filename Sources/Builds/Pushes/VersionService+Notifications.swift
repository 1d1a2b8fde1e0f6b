extension VersionService {
    /// Forgets what is known of a repository's tags, because somebody says that it has changed.
    ///
    /// Answers the webapp whose repository it is; `nil` for a repository of nobody here.
    public func drop(repository name: String) async -> WebappName? {
        guard let webapp = naming.webapp(of: name) else { return nil }
        await drop(webapp)
        return webapp
    }
}
