// The functions of libcurl that we call, each handed on to libcurl.so.4, which is loaded when the
// first of them is called (decision 0030): it brings 24 more libraries (LDAP, Kerberos, RTMP,
// GnuTLS), and that took half of every command's start. Few commands ask anybody over HTTP.
// Who calls a function that is not here is told by the linker.
//
// Where the library is missing the process ends as it does for every other library: with a line
// that names it, and exit code 127.
//
// Any thread, as libcurl; it stays loaded until the process ends.
#include "event-store/curl/curl_on_demand.hpp"

#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

// The header's macros fix the number of arguments; here are the functions themselves.
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace signalbox::event_store {
namespace {

constexpr int kExitNotLoaded = 127;  // as ld.so(8)

// Each is looked up when the library is loaded, so that none is missed later.
struct Libcurl {
  Libcurl() {
    void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      miss();
      return;
    }
    find(library, easy_init, "curl_easy_init");
    find(library, easy_setopt, "curl_easy_setopt");
    find(library, easy_perform, "curl_easy_perform");
    find(library, easy_getinfo, "curl_easy_getinfo");
    find(library, easy_strerror, "curl_easy_strerror");
    find(library, easy_cleanup, "curl_easy_cleanup");
    find(library, slist_append, "curl_slist_append");
    find(library, slist_free_all, "curl_slist_free_all");
    find(library, multi_init, "curl_multi_init");
    find(library, multi_add_handle, "curl_multi_add_handle");
    find(library, multi_remove_handle, "curl_multi_remove_handle");
    find(library, multi_perform, "curl_multi_perform");
    find(library, multi_poll, "curl_multi_poll");
    find(library, multi_wakeup, "curl_multi_wakeup");
    find(library, multi_info_read, "curl_multi_info_read");
    find(library, multi_cleanup, "curl_multi_cleanup");
  }

  // With the types of the header.
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_perform) multi_perform = nullptr;
  decltype(&::curl_multi_poll) multi_poll = nullptr;
  decltype(&::curl_multi_wakeup) multi_wakeup = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
  std::string why_not{};

 private:
  void miss() {
    const char* const why = ::dlerror();
    why_not = std::string("libcurl cannot be used: ") + (why == nullptr ? "unknown" : why) +
              "; Debian has it as libcurl4";
  }
  template <typename Function>
  void find(void* library, Function*& found, const char* name) {
    found = reinterpret_cast<Function*>(::dlsym(library, name));
    if (found == nullptr && why_not.empty()) miss();
  }
};

const Libcurl& loaded() {
  static const Libcurl kLibcurl;
  return kLibcurl;
}

const Libcurl& real() {
  const Libcurl& libcurl = loaded();
  if (libcurl.why_not.empty()) return libcurl;
  std::fprintf(stderr, "signalbox: %s\n", libcurl.why_not.c_str());
  std::_Exit(kExitNotLoaded);
}

// What an option takes is told by its number's ten thousands (curl.h, CURLOPTTYPE_).
constexpr int kKinds = 10'000;
constexpr int kind_of(CURLoption option) { return static_cast<int>(option) / kKinds * kKinds; }

}  // namespace

const std::string& why_no_libcurl() { return loaded().why_not; }

}  // namespace signalbox::event_store

using signalbox::event_store::kind_of;
using signalbox::event_store::real;

CURL* curl_easy_init() { return real().easy_init(); }

CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...) {
  std::va_list rest;
  va_start(rest, option);
  CURLcode done = CURLE_OK;
  switch (kind_of(option)) {
    case CURLOPTTYPE_LONG: done = real().easy_setopt(handle, option, va_arg(rest, long)); break;
    case CURLOPTTYPE_OFF_T:
      done = real().easy_setopt(handle, option, va_arg(rest, curl_off_t));
      break;
    default: done = real().easy_setopt(handle, option, va_arg(rest, void*)); break;
  }
  va_end(rest);
  return done;
}

CURLcode curl_easy_perform(CURL* handle) { return real().easy_perform(handle); }

CURLcode curl_easy_getinfo(CURL* handle, CURLINFO info, ...) {
  std::va_list rest;
  va_start(rest, info);
  const CURLcode done = real().easy_getinfo(handle, info, va_arg(rest, void*));
  va_end(rest);
  return done;
}

const char* curl_easy_strerror(CURLcode code) { return real().easy_strerror(code); }

void curl_easy_cleanup(CURL* handle) { real().easy_cleanup(handle); }

curl_slist* curl_slist_append(curl_slist* list, const char* text) {
  return real().slist_append(list, text);
}

void curl_slist_free_all(curl_slist* list) { real().slist_free_all(list); }

CURLM* curl_multi_init() { return real().multi_init(); }

CURLMcode curl_multi_add_handle(CURLM* multi, CURL* handle) {
  return real().multi_add_handle(multi, handle);
}

CURLMcode curl_multi_remove_handle(CURLM* multi, CURL* handle) {
  return real().multi_remove_handle(multi, handle);
}

CURLMcode curl_multi_perform(CURLM* multi, int* running) {
  return real().multi_perform(multi, running);
}

CURLMcode curl_multi_poll(CURLM* multi, curl_waitfd* more, unsigned more_count, int milliseconds,
                          int* ready) {
  return real().multi_poll(multi, more, more_count, milliseconds, ready);
}

CURLMcode curl_multi_wakeup(CURLM* multi) { return real().multi_wakeup(multi); }

CURLMsg* curl_multi_info_read(CURLM* multi, int* left) {
  return real().multi_info_read(multi, left);
}

CURLMcode curl_multi_cleanup(CURLM* multi) { return real().multi_cleanup(multi); }
