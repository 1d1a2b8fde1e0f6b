extension VersionService {
    /// Forgets what is known of a repository's tags, because somebody says that it has changed.
    ///
    /// Answers the webapp whose repository it is; `nil` for a repository of nobody here.
    public func drop(repository name: String) async -> WebappName? {
        let prefix = naming.prefix.isEmpty ? "" : "\(naming.prefix)/"
        guard name.hasPrefix(prefix), let webapp = try? WebappName(String(name.dropFirst(prefix.count))) else {
            return nil
        }
        await drop(webapp)
        return webapp
    }
}
